"""Pipeline transforms of the captioner."""

from mmpatchioner.datasets.transforms.formatting import PackCaptionInputs
from mmpatchioner.datasets.transforms.patch_view import AddPatchView, PatchView

__all__ = ['AddPatchView', 'PackCaptionInputs', 'PatchView']
