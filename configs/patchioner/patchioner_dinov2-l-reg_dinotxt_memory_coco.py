# Patch-ioner on DINO.txt: its own alignment of patches and texts in place of Talk2DINO's.
_base_ = [
    '../_base_/models/patchioner_dinov2-l-reg_dinotxt_memory.py',
    '../_base_/datasets/caption_pipeline_518.py',
    '../_base_/default_runtime.py',
]
