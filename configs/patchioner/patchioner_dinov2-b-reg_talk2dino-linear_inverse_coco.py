# Patch-ioner with the linear Talk2DINO projection and its pseudo-inverse before a decoder of CLIP's space.
_base_ = [
    '../_base_/models/patchioner_dinov2-b-reg_talk2dino-linear_inverse.py',
    '../_base_/datasets/caption_pipeline_518.py',
    '../_base_/default_runtime.py',
]
