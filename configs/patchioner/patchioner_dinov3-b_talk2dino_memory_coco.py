# Patch-ioner with Talk2DINO on DINOv3 ViT-B/16.
_base_ = [
    '../_base_/models/patchioner_dinov3-b_talk2dino_memory.py',
    '../_base_/datasets/caption_pipeline_592.py',
    '../_base_/default_runtime.py',
]
