# Patch-ioner with Talk2DINO and the memory of COCO captions (arXiv 2510.02898, its default): captions the boxes of the
# ground truth, or any regions that are asked for. Add a `detector` to caption what it finds:
# patchioner_dinov2-b-reg_talk2dino_memory_coco_rtmdet-tiny.py is an example.
_base_ = [
    '../_base_/models/patchioner_dinov2-b-reg_talk2dino_memory.py',
    '../_base_/datasets/caption_pipeline_518.py',
    '../_base_/default_runtime.py',
]
