# Patch-ioner on INViTE (paper, 4.2), 37 x 37 patches.
_base_ = [
    '../_base_/models/clip-b16_invite_memory.py',
    '../_base_/datasets/caption_pipeline_clip-592.py',
    '../_base_/default_runtime.py',
]
