# Dense captioning of Visual Genome v1.2, given boxes (paper, Table 1, CLIP at 592).
_base_ = ['./patchioner_clip-b16-592_memory_coco.py', '../_base_/datasets/vg12_dense.py']
test_dataloader = dict(dataset=dict(pipeline=_base_.region_pipeline))
