# Patch-ioner on ProxyCLIP with DINO (paper, 4.2).
_base_ = [
    '../_base_/models/clip-b16_proxyclip-dino_memory.py',
    '../_base_/datasets/caption_pipeline_296.py',
    '../_base_/default_runtime.py',
]
