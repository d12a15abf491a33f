"""Pipeline transforms of the captioner."""

from mmpatchioner.datasets.transforms.formatting import PackCaptionInputs
from mmpatchioner.datasets.transforms.original_image import KeepImage
from mmpatchioner.datasets.transforms.patch_view import AddPatchView, PatchView
from mmpatchioner.datasets.transforms.region_loading import LoadCaptionRegions

__all__ = ['AddPatchView', 'KeepImage', 'LoadCaptionRegions', 'PackCaptionInputs', 'PatchView']
