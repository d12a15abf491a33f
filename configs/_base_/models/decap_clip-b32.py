# DeCap on CLIP ViT-B/32, as it was published.
_base_ = ['./decap_clip-b16.py']
model = dict(
    neck=dict(backbone=dict(pretrained='openai/clip-vit-base-patch32')),
    caption_head=dict(
        bridge=dict(memory='checkpoints/clip-b32_memory_coco.safetensors'),
        decoder=dict(init_cfg=dict(checkpoint='checkpoints/decap_clip-b32_coco.safetensors'))))
