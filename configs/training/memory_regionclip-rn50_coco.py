# The memory of RegionCLIP: the COCO captions of Karpathy's training images in the space of its text tower.
#   python tools/build_memory.py configs/training/memory_regionclip-rn50_coco.py \
#       checkpoints/regionclip-rn50_memory_coco.safetensors
_base_ = ['./decap_regionclip-rn50_coco.py']

corpus = dict(dedupe=True)
