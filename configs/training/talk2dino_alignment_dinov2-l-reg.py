# Talk2DINO on DINOv2 ViT-L/14 with registers, at full scale.
_base_ = ['./talk2dino_alignment.py']

neck = dict(backbone=dict(pretrained='facebook/dinov2-with-registers-large'))
model = dict(space='talk2dino-vitl14-reg', projection=dict(hidden_dims=1024, out_dims=1024))
train_dataloader = dict(dataset=dict(neck=neck))
val_dataloader = dict(dataset=dict(neck=neck))
