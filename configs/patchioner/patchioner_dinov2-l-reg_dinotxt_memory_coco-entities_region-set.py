# Region sets of COCO Entities (paper, Table 1, DINO.txt).
_base_ = ['./patchioner_dinov2-l-reg_dinotxt_memory_coco.py', '../_base_/datasets/coco-entities_region-set.py']
test_dataloader = dict(dataset=dict(pipeline=_base_.region_pipeline))
