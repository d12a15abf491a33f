# The memory for Talk2DINO on DINOv2 ViT-L/14 with registers.
#   python tools/build_memory.py configs/training/memory_talk2dino-l_coco.py checkpoints/talk2dino-l_memory_coco.safetensors
_base_ = ['./decap_talk2dino-l_coco.py']

corpus = dict(dedupe=True)
