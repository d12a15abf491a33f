# The memory of the baseline: the COCO captions of Karpathy's training images in the text space of CLIP ViT-B/16.
#   python tools/build_memory.py configs/training/memory_clip-b16_coco.py checkpoints/clip-b16_memory_coco.safetensors
_base_ = ['./decap_clip-b16_coco.py']

corpus = dict(dedupe=True)
