# Synthesised traces along the boxes of Flickr8k.
_base_ = ['./mini.py', '../_base_/datasets/flickr8k-regions_trace.py']
test_dataloader = dict(dataset=dict(pipeline=_base_.region_pipeline))
