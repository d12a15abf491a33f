# AlphaCLIP's class token of every region (paper, region-supervised baselines).
_base_ = [
    '../_base_/models/alphaclip-b16_memory.py',
    '../_base_/datasets/caption_pipeline_clip-224.py',
    '../_base_/default_runtime.py',
]
