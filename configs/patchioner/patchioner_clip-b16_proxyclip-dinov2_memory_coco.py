# Patch-ioner on ProxyCLIP with DINOv2 (paper, 4.2).
_base_ = [
    '../_base_/models/clip-b16_proxyclip-dinov2_memory.py',
    '../_base_/datasets/caption_pipeline_518.py',
    '../_base_/default_runtime.py',
]
