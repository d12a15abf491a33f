"""Inference: images and regions in, captions out."""

from mmpatchioner.apis.detectors import attach_detector
from mmpatchioner.apis.errors import InputError
from mmpatchioner.apis.inferencer import CaptionInferencer
from mmpatchioner.apis.result import CaptionResult, RegionCaption
from mmpatchioner.apis.zoo import available_models

__all__ = [
    'CaptionInferencer',
    'CaptionResult',
    'InputError',
    'RegionCaption',
    'attach_detector',
    'available_models',
]
