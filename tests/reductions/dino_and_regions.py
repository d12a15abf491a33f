"""DINO.txt, DINOv3, AlphaCLIP, CLIP's ResNets and RegionCLIP of few channels."""

from mmpatchioner.checkpoints import save_safetensors
from mmpatchioner.models.text_encoders import TextProjection
from tests.reductions import WIDTH, reduces
from tests.reductions.vision import VIT


@reduces('DINOTxtNeck')
def reduce_dinotxt(neck, folder):
    neck.backbone = dict(config=VIT, registers=4)
    neck.head = None


@reduces('DINOv3Neck')
def reduce_dinov3(neck, folder):
    neck.backbone = dict(config={**VIT, 'intermediate_size': 2 * WIDTH, 'num_register_tokens': 4})


@reduces('Talk2DINOInverseBridge')
def reduce_inverse(bridge, folder):
    projection = folder / 'talk2dino-linear.safetensors'
    if not projection.exists():
        save_safetensors(TextProjection(WIDTH, out_dims=WIDTH).state_dict(), projection)
    bridge.projection = str(projection)


@reduces('AlphaCLIPNeck')
def reduce_alphaclip(neck, folder):
    neck.backbone = dict(config=dict(projection_dim=WIDTH, **VIT))
    neck.init_cfg = neck.official_backbone = None


@reduces('CLIPResNetNeck', 'RegionCLIPNeck', input_size=96)
def reduce_clip_resnet(neck, folder):
    neck.backbone = dict(config=dict(layers=(1, 1, 1, 1), width=4, out_dims=WIDTH, side=2))
    neck.init_cfg = None
