# Whole photos of COCO (paper, Table 1, CLIP).
_base_ = ['./patchioner_clip-b16_memory_coco.py', '../_base_/datasets/coco-karpathy_image.py']
test_dataloader = dict(dataset=dict(pipeline=_base_.region_pipeline))
