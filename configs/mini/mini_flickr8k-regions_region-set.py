# All boxes of a photo of Flickr8k as one set. Its references are sentences, so sets are answered from the memory of
# captions, as whole images are, not from that of phrases.
_base_ = ['./mini.py', '../_base_/datasets/flickr8k-regions_region-set.py']
model = dict(caption_head=dict(bridge=_base_.model.caption_head.image_bridge))
test_dataloader = dict(dataset=dict(pipeline=_base_.region_pipeline))
