# The memory of DenseCLIP: the COCO captions of Karpathy's training images in the space of its text tower.
#   python tools/build_memory.py configs/training/memory_denseclip-b16_coco.py \
#       checkpoints/denseclip-b16_memory_coco.safetensors
_base_ = ['./decap_denseclip-b16_coco.py']

corpus = dict(dedupe=True)
