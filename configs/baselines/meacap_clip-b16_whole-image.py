# MeaCap as an image captioner: every region gets the caption of its image.
_base_ = [
    '../_base_/models/meacap_clip-b16.py',
    '../_base_/datasets/caption_pipeline_clip-224.py',
    '../_base_/default_runtime.py',
]
