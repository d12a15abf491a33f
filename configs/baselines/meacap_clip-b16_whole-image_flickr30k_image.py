# Flickr30k, Karpathy's test split, whole photos (paper, Table 2, "MeaCap").
_base_ = ['./meacap_clip-b16_whole-image.py', '../_base_/datasets/flickr30k_image.py']
test_dataloader = dict(dataset=dict(pipeline=_base_.region_pipeline))
