# Mouse traces on COCO (paper, Table 1, INViTE at 592).
_base_ = ['./patchioner_clip-b16-592_invite_memory_coco.py', '../_base_/datasets/coco_trace.py']
test_dataloader = dict(dataset=dict(pipeline=_base_.region_pipeline))
