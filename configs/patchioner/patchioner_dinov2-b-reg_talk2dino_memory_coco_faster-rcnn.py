# The captioner with the boxes of Faster R-CNN.
_base_ = ['./patchioner_dinov2-b-reg_talk2dino_memory_coco.py']
detector = dict(
    config='faster-rcnn_r50_fpn_1x_coco',
    checkpoint='https://download.openmmlab.com/mmdetection/v2.0/faster_rcnn/faster_rcnn_r50_fpn_1x_coco/faster_rcnn_r50_fpn_1x_coco_20200130-047c8118.pth')
