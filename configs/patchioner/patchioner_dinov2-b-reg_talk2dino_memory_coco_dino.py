# The captioner with the boxes of DINO.
_base_ = ['./patchioner_dinov2-b-reg_talk2dino_memory_coco.py']
detector = dict(
    config='dino-4scale_r50_8xb2-12e_coco',
    checkpoint='https://download.openmmlab.com/mmdetection/v3.0/dino/dino-4scale_r50_8xb2-12e_coco/dino-4scale_r50_8xb2-12e_coco_20221202_182705-55b2bba2.pth')
