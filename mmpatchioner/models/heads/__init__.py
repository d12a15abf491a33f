"""Caption heads."""

from mmpatchioner.models.heads.patchioner_head import PatchionerHead, patch_grid

__all__ = ['PatchionerHead', 'patch_grid']
