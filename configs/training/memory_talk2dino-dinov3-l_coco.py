# The memory for Talk2DINO on DINOv3 ViT-L/16.
#   python tools/build_memory.py configs/training/memory_talk2dino-dinov3-l_coco.py checkpoints/talk2dino-dinov3-l_memory_coco.safetensors
_base_ = ['./decap_talk2dino-dinov3-l_coco.py']

corpus = dict(dedupe=True)
