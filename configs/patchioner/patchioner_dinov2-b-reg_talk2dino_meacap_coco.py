# Patch-ioner with Talk2DINO and MeaCap's prompts.
_base_ = [
    '../_base_/models/patchioner_dinov2-b-reg_talk2dino_meacap.py',
    '../_base_/datasets/caption_pipeline_518.py',
    '../_base_/default_runtime.py',
]
