# Talk2DINO on DINOv3 ViT-B/16, at full scale.
_base_ = ['./talk2dino_alignment.py']

neck = dict(type='mmpatchioner.DINOv3Neck', backbone=dict(pretrained='facebook/dinov3-vitb16-pretrain-lvd1689m'))
model = dict(space='talk2dino-dinov3-vitb16', projection=dict(hidden_dims=768, out_dims=768))
train_dataloader = dict(dataset=dict(neck=neck))
val_dataloader = dict(dataset=dict(neck=neck))
