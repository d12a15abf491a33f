# Photos of Flickr8k, whole.
_base_ = ['./mini.py', '../_base_/datasets/flickr8k-val_image.py']
test_dataloader = dict(dataset=dict(pipeline=_base_.region_pipeline))
