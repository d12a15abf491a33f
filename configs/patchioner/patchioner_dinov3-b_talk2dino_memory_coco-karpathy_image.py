# Whole photos of COCO (not in the paper: Talk2DINO on DINOv3 ViT-B).
_base_ = ['./patchioner_dinov3-b_talk2dino_memory_coco.py', '../_base_/datasets/coco-karpathy_image.py']
test_dataloader = dict(dataset=dict(pipeline=_base_.region_pipeline))
