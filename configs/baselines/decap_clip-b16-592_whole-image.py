# DeCap as an image captioner at 592 pixels (paper, supplement, "DeCap@592, CLIP B16, CLS", and the traces of Table 2).
_base_ = [
    '../_base_/models/decap_clip-b16.py',
    '../_base_/datasets/caption_pipeline_clip-592.py',
    '../_base_/default_runtime.py',
]
