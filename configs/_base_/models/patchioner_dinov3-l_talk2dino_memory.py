# The default system on DINOv3 ViT-L/16: Talk2DINO aligns its patches with CLIP text too. Its weights are gated on the hub: accept their licence there first.
# The memory and the decoder are made by configs/training/{memory,decap}_talk2dino-dinov3-l_coco.py.
_base_ = ['./patchioner_dinov2-b-reg_talk2dino_memory.py']
model = dict(
    neck=dict(
        type='mmpatchioner.DINOv3Neck',
        backbone=dict(pretrained='facebook/dinov3-vitl16-pretrain-lvd1689m')),
    caption_head=dict(
        bridge=dict(memory='checkpoints/talk2dino-dinov3-l_memory_coco.safetensors'),
        decoder=dict(
            prefix_dims=1024,
            init_cfg=dict(checkpoint='checkpoints/decap_talk2dino-dinov3-l_coco.safetensors'))))
