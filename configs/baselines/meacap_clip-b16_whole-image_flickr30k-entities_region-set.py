# Sets of boxes of Flickr30k Entities (paper, Table 2, "MeaCap").
_base_ = ['./meacap_clip-b16_whole-image.py', '../_base_/datasets/flickr30k-entities_region-set.py']
test_dataloader = dict(dataset=dict(pipeline=_base_.region_pipeline))
