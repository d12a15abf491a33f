# Dense captioning of Visual Genome v1.2, given boxes (paper, Table 2, "MeaCap").
_base_ = ['./meacap_clip-b16_crops.py', '../_base_/datasets/vg12_dense.py']
test_dataloader = dict(dataset=dict(pipeline=_base_.region_pipeline))
