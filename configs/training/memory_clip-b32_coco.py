# The memory of the baseline: the COCO captions of Karpathy's training images in the text space of CLIP ViT-B/32.
#   python tools/build_memory.py configs/training/memory_clip-b32_coco.py checkpoints/clip-b32_memory_coco.safetensors
_base_ = ['./decap_clip-b32_coco.py']

corpus = dict(dedupe=True)
