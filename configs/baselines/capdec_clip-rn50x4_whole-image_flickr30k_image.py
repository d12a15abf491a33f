# Flickr30k, whole photos (paper, Table 2, "CapDec").
_base_ = ['./capdec_clip-rn50x4_whole-image.py', '../_base_/datasets/flickr30k_image.py']
test_dataloader = dict(dataset=dict(pipeline=_base_.region_pipeline))
