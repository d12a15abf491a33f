# Region sets of COCO Entities (not in the paper: Talk2DINO on DINOv3 ViT-L).
_base_ = ['./patchioner_dinov3-l_talk2dino_memory_coco.py', '../_base_/datasets/coco-entities_region-set.py']
test_dataloader = dict(dataset=dict(pipeline=_base_.region_pipeline))
