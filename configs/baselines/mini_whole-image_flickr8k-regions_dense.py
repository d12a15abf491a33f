# Given boxes of Flickr8k.
_base_ = ['./mini_whole-image.py', '../_base_/datasets/flickr8k-regions_dense.py']
test_dataloader = dict(dataset=dict(pipeline=_base_.region_pipeline))
