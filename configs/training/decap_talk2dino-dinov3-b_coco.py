# The decoder for Talk2DINO on DINOv3 ViT-B/16. Needs Karpathy's dataset_coco.json, CLIP from the hub,
# and Talk2DINO's dinov3_vitb_mlp_infonce_448.pth, converted with --space talk2dino-dinov3-vitb16.
_base_ = ['./decap_talk2dino_coco.py']

space = 'talk2dino-dinov3-vitb16'
encoder = dict(
    space=space,
    projection=dict(
        hidden_dims=768,
        out_dims=768,
        init_cfg=dict(checkpoint='checkpoints/talk2dino-dinov3-b.safetensors')))
model = dict(space=space, decoder=dict(prefix_dims=768))
train_dataloader = dict(dataset=dict(encoder=encoder))
val_dataloader = dict(dataset=dict(encoder=encoder))
