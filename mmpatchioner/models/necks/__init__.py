"""Vision backbones, one file each; all return :class:`PatchFeatures`."""

from mmpatchioner.models.necks.clip import CLIPNeck
from mmpatchioner.models.necks.dinov2 import DINOv2Neck
from mmpatchioner.models.necks.feature_transform import FeatureTransform
from mmpatchioner.models.necks.patch_features import PatchFeatures

__all__ = ['CLIPNeck', 'DINOv2Neck', 'FeatureTransform', 'PatchFeatures']
