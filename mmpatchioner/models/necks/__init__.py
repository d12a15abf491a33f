"""Vision backbones, one file each; all return :class:`PatchFeatures`."""

from mmpatchioner.models.necks.alphaclip import AlphaCLIPNeck
from mmpatchioner.models.necks.clip import CLIPNeck
from mmpatchioner.models.necks.clip_resnet import CLIPResNetNeck
from mmpatchioner.models.necks.denseclip import DenseCLIPNeck
from mmpatchioner.models.necks.dino import DINONeck
from mmpatchioner.models.necks.dinotxt import DINOTxtNeck
from mmpatchioner.models.necks.dinotxt_head import DINOTxtVisionHead
from mmpatchioner.models.necks.dinov2 import DINOv2Neck
from mmpatchioner.models.necks.dinov3 import DINOv3Neck
from mmpatchioner.models.necks.feature_transform import FeatureTransform
from mmpatchioner.models.necks.invite import INViTENeck
from mmpatchioner.models.necks.modified_resnet import ModifiedResNet
from mmpatchioner.models.necks.patch_features import PatchFeatures
from mmpatchioner.models.necks.proxyclip import ProxyCLIPNeck
from mmpatchioner.models.necks.regionclip import RegionCLIPNeck

__all__ = [
    'AlphaCLIPNeck',
    'CLIPNeck',
    'CLIPResNetNeck',
    'DINONeck',
    'DINOTxtNeck',
    'DINOTxtVisionHead',
    'DINOv2Neck',
    'DINOv3Neck',
    'DenseCLIPNeck',
    'FeatureTransform',
    'INViTENeck',
    'ModifiedResNet',
    'PatchFeatures',
    'ProxyCLIPNeck',
    'RegionCLIPNeck',
]
