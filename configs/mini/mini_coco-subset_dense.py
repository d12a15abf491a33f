# What the patches propose, captioned, on a few photos of COCO; the annotated boxes are only scored against.
_base_ = ['./mini.py', '../_base_/datasets/coco-subset_dense.py']
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
