# Dense captioning of Visual Genome v1.2, given boxes (paper, Table 1, ProxyCLIP with DINOv2).
_base_ = ['./patchioner_clip-b16_proxyclip-dinov2_memory_coco.py', '../_base_/datasets/vg12_dense.py']
test_dataloader = dict(dataset=dict(pipeline=_base_.region_pipeline))
