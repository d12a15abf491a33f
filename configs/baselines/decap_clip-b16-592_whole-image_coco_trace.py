# Mouse traces on COCO (paper, Table 2, "DeCap").
_base_ = ['./decap_clip-b16-592_whole-image.py', '../_base_/datasets/coco_trace.py']
test_dataloader = dict(dataset=dict(pipeline=_base_.region_pipeline))
