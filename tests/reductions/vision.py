"""DINOv2 and CLIP of few channels."""

from tests.reductions import INPUT_SIZE, WIDTH, reduces

VIT = dict(
    hidden_size=WIDTH,
    num_hidden_layers=2,
    num_attention_heads=2,
    image_size=INPUT_SIZE,
    patch_size=14,
)


@reduces('DINOv2Neck')
def reduce_dinov2(neck, folder):
    registers = 4 if 'registers' in str(neck.backbone) else 0
    neck.backbone = dict(config=VIT, registers=registers)
    neck.pop('feature_transform', None)


@reduces('CLIPNeck')
def reduce_clip(neck, folder):
    neck.backbone = dict(config=dict(projection_dim=WIDTH, **VIT))
