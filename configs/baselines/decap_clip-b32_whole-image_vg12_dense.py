# Dense captioning of Visual Genome v1.2, given boxes (paper, supplement).
_base_ = ['./decap_clip-b32_whole-image.py', '../_base_/datasets/vg12_dense.py']
test_dataloader = dict(dataset=dict(pipeline=_base_.region_pipeline))
