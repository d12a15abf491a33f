"""DINO.txt, DINOv3, AlphaCLIP and RegionCLIP of few channels."""

from tests.reductions import reduces
from tests.reductions.vision import VIT


@reduces('DINOTxtNeck')
def reduce_dinotxt(neck, folder):
    neck.backbone = dict(config=VIT, registers=4)
    neck.head = None
