# Dense captioning of VG-COCO, given boxes (paper, Table 2, "AlphaCLIP + Mem").
_base_ = ['./patchioner_alphaclip-b16_memory_coco.py', '../_base_/datasets/vgcoco_dense.py']
test_dataloader = dict(dataset=dict(pipeline=_base_.region_pipeline))
