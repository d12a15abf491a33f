# Patch-ioner on DenseCLIP (paper, 4.2).
_base_ = [
    '../_base_/models/clip-b16_denseclip_memory.py',
    '../_base_/datasets/caption_pipeline_clip-640.py',
    '../_base_/default_runtime.py',
]
