# Patch-ioner on CLIP's patches (paper, 4.2), 37 x 37 of them.
_base_ = [
    '../_base_/models/clip-b16_memory.py',
    '../_base_/datasets/caption_pipeline_clip-592.py',
    '../_base_/default_runtime.py',
]
