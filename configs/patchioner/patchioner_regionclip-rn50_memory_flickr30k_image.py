# Whole photos of Flickr30k (paper, Table 2, "RegionCLIP + Mem").
_base_ = ['./patchioner_regionclip-rn50_memory_coco.py', '../_base_/datasets/flickr30k_image.py']
test_dataloader = dict(dataset=dict(pipeline=_base_.region_pipeline))
