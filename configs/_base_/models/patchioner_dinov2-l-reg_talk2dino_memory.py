# The default system on DINOv2 ViT-L/14 with registers: Talk2DINO aligns its patches with CLIP text too.
# The memory and the decoder are made by configs/training/{memory,decap}_talk2dino-l_coco.py.
_base_ = ['./patchioner_dinov2-b-reg_talk2dino_memory.py']
model = dict(
    neck=dict(
        backbone=dict(pretrained='facebook/dinov2-with-registers-large')),
    caption_head=dict(
        bridge=dict(memory='checkpoints/talk2dino-l_memory_coco.safetensors'),
        decoder=dict(
            prefix_dims=1024,
            init_cfg=dict(checkpoint='checkpoints/decap_talk2dino-l_coco.safetensors'))))
