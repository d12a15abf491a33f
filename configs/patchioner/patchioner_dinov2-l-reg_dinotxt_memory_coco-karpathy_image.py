# Whole photos of COCO (paper, Table 1, DINO.txt).
_base_ = ['./patchioner_dinov2-l-reg_dinotxt_memory_coco.py', '../_base_/datasets/coco-karpathy_image.py']
test_dataloader = dict(dataset=dict(pipeline=_base_.region_pipeline))
