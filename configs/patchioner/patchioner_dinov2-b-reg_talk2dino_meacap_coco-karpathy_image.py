# Whole photos of COCO (paper, Table 2, "T2D + Noise + filtered knowledge").
_base_ = ['./patchioner_dinov2-b-reg_talk2dino_meacap_coco.py', '../_base_/datasets/coco-karpathy_image.py']
test_dataloader = dict(dataset=dict(pipeline=_base_.region_pipeline))
