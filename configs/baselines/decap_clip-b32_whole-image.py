# DeCap as an image captioner (paper, supplement, "DeCap@224, CLIP B32, CLS"): every region gets the caption of its
# image.
_base_ = [
    '../_base_/models/decap_clip-b32.py',
    '../_base_/datasets/caption_pipeline_clip-224.py',
    '../_base_/default_runtime.py',
]
