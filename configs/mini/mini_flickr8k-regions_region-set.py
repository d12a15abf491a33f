# All boxes of a photo of Flickr8k as one set.
_base_ = ['./mini.py', '../_base_/datasets/flickr8k-regions_region-set.py']
test_dataloader = dict(dataset=dict(pipeline=_base_.region_pipeline))
