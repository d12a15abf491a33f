"""Detectors that caption."""

from mmpatchioner.models.captioners.alphaclip_captioner import AlphaCLIPCaptioner
from mmpatchioner.models.captioners.crop_captioner import CropCaptioner
from mmpatchioner.models.captioners.data_preprocessor import CaptionDataPreprocessor
from mmpatchioner.models.captioners.dense_captioner import DenseCaptioner
from mmpatchioner.models.captioners.patch_proposals import PatchProposalDetector

__all__ = [
    'AlphaCLIPCaptioner',
    'CaptionDataPreprocessor',
    'CropCaptioner',
    'DenseCaptioner',
    'PatchProposalDetector',
]
