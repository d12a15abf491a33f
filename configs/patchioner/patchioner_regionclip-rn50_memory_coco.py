# Patch-ioner on RegionCLIP (paper, region-supervised baselines).
_base_ = [
    '../_base_/models/regionclip-rn50_memory.py',
    '../_base_/datasets/caption_pipeline_clip-512.py',
    '../_base_/default_runtime.py',
]
