# CapDec as an image captioner (paper, Table 2, "CapDec", quoted from its own paper): every region gets the caption of its
# image.
_base_ = [
    '../_base_/models/capdec_clip-rn50x4.py',
    '../_base_/datasets/caption_pipeline_clip-288.py',
    '../_base_/default_runtime.py',
]
