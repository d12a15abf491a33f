# Patch-ioner with DINOv2 and ClipCap's decoder.
_base_ = [
    '../_base_/models/patchioner_dinov2-b-reg_clipcap.py',
    '../_base_/datasets/caption_pipeline_518.py',
    '../_base_/default_runtime.py',
]
