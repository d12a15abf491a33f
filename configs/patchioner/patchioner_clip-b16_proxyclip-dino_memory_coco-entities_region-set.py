# Region sets of COCO Entities (paper, Table 1, ProxyCLIP with DINO).
_base_ = ['./patchioner_clip-b16_proxyclip-dino_memory_coco.py', '../_base_/datasets/coco-entities_region-set.py']
test_dataloader = dict(dataset=dict(pipeline=_base_.region_pipeline))
