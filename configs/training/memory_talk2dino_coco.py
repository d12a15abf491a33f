# The memory of the paper's default system: the COCO captions of Karpathy's training images in the space of Talk2DINO.
#   python tools/build_memory.py configs/training/memory_talk2dino_coco.py checkpoints/talk2dino_memory_coco.safetensors
_base_ = ['./decap_talk2dino_coco.py']

corpus = dict(dedupe=True)
