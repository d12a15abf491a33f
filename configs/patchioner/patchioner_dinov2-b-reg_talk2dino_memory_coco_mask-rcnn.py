# The captioner with the boxes of Mask R-CNN, whose masks are pooled.
_base_ = ['./patchioner_dinov2-b-reg_talk2dino_memory_coco.py']
detector = dict(
    config='mask-rcnn_r50_fpn_1x_coco',
    checkpoint='https://download.openmmlab.com/mmdetection/v2.0/mask_rcnn/mask_rcnn_r50_fpn_1x_coco/mask_rcnn_r50_fpn_1x_coco_20200205-d4b0c5d6.pth')
model = dict(use_masks=True)
