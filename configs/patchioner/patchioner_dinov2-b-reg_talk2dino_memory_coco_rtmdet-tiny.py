# The captioner with the boxes of RTMDet-tiny.
_base_ = ['./patchioner_dinov2-b-reg_talk2dino_memory_coco.py']
detector = dict(
    config='rtmdet_tiny_8xb32-300e_coco',
    checkpoint='https://download.openmmlab.com/mmdetection/v3.0/rtmdet/rtmdet_tiny_8xb32-300e_coco/rtmdet_tiny_8xb32-300e_coco_20220902_112414-78e30dcc.pth')
