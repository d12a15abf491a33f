# Patch-ioner with Talk2DINO and CapDec's own network. That of the paper's "T2D + Noise" is
# patchioner_dinov2-b-reg_talk2dino_noise_coco.py.
_base_ = [
    '../_base_/models/patchioner_dinov2-b-reg_talk2dino_capdec-gpt2.py',
    '../_base_/datasets/caption_pipeline_518.py',
    '../_base_/default_runtime.py',
]
