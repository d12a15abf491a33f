# The memory for the linear variant of Talk2DINO.
#   python tools/build_memory.py configs/training/memory_talk2dino-linear_coco.py \
#       checkpoints/talk2dino-linear_memory_coco.safetensors
_base_ = ['./memory_talk2dino_coco.py']

encoder = dict(
    space='talk2dino-linear-vitb14-reg',
    projection=dict(
        hidden_dims=None, init_cfg=dict(checkpoint='checkpoints/talk2dino-linear.safetensors')))
