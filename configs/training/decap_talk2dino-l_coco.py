# The decoder for Talk2DINO on DINOv2 ViT-L/14 with registers. Needs Karpathy's dataset_coco.json, CLIP from the hub,
# and Talk2DINO's vitl_mlp_infonce.pth, converted with --space talk2dino-vitl14-reg.
_base_ = ['./decap_talk2dino_coco.py']

space = 'talk2dino-vitl14-reg'
encoder = dict(
    space=space,
    projection=dict(
        hidden_dims=1024,
        out_dims=1024,
        init_cfg=dict(checkpoint='checkpoints/talk2dino-l.safetensors')))
model = dict(space=space, decoder=dict(prefix_dims=1024))
train_dataloader = dict(dataset=dict(encoder=encoder))
val_dataloader = dict(dataset=dict(encoder=encoder))
