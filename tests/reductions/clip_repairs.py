"""INViTE, DenseCLIP and ProxyCLIP of few channels."""

from tests.reductions import WIDTH, reduces
from tests.reductions.vision import VIT

CLIP = dict(projection_dim=WIDTH, **VIT)


@reduces('INViTENeck')
def reduce_invite(neck, folder):
    neck.backbone = dict(config=CLIP)


@reduces('DenseCLIPNeck')
def reduce_denseclip(neck, folder):
    neck.backbone = dict(config=CLIP)
    neck.init_cfg = None


@reduces('ProxyCLIPNeck')
def reduce_proxyclip(neck, folder):
    neck.backbone = dict(config={**CLIP, 'patch_size': 20})


@reduces('DINONeck')
def reduce_dino(neck, folder):
    neck.backbone = dict(config=VIT)
