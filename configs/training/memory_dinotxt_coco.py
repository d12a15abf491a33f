# The memory of DINO.txt: the COCO captions of Karpathy's training images, the half of their vectors that belongs to patches.
#   python tools/build_memory.py configs/training/memory_dinotxt_coco.py checkpoints/dinotxt_memory_coco.safetensors
_base_ = ['./decap_dinotxt_coco.py']

corpus = dict(dedupe=True)
