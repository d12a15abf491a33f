# ViECap's vocabulary in the space of CLIP ViT-B/16.
#   python tools/build_memory.py configs/training/entities_clip-b16_coco.py checkpoints/clip-b16_entities_coco.safetensors
_base_ = ['./entities_talk2dino_coco.py']
encoder = dict(
    encoder=dict(
        _delete_=True, type='mmpatchioner.CLIPTextEncoder', model='openai/clip-vit-base-patch16'))
