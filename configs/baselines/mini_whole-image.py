# `mini` as an image captioner: every region gets the caption of its image.
_base_ = ['../mini/mini.py']
model = dict(caption_head=dict(region_feature='image'))
