# Patch-ioner on CLIP ViT-B/16 alone: its patches go through the projection of its class token, for which they were not
# trained. The text space is CLIP's, and so are memory and decoder, the same as those of decap_clip-b16.py.
_base_ = ['./decap_clip-b16.py']
model = dict(caption_head=dict(region_feature='patches'))
