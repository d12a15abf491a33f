# Patch-ioner with Talk2DINO on DINOv2 ViT-L/14 with registers.
_base_ = [
    '../_base_/models/patchioner_dinov2-l-reg_talk2dino_memory.py',
    '../_base_/datasets/caption_pipeline_518.py',
    '../_base_/default_runtime.py',
]
