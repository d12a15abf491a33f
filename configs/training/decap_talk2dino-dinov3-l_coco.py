# The decoder for Talk2DINO on DINOv3 ViT-L/16. Needs Karpathy's dataset_coco.json, CLIP from the hub,
# and a projection of configs/training/talk2dino_alignment_dinov3-l.py, which is not published.
_base_ = ['./decap_talk2dino_coco.py']

space = 'talk2dino-dinov3-vitl16'
encoder = dict(
    space=space,
    projection=dict(
        hidden_dims=1024,
        out_dims=1024,
        init_cfg=dict(checkpoint='checkpoints/talk2dino-dinov3-l.safetensors')))
model = dict(space=space, decoder=dict(prefix_dims=1024))
train_dataloader = dict(dataset=dict(encoder=encoder))
val_dataloader = dict(dataset=dict(encoder=encoder))
