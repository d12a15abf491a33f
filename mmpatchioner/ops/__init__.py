"""Portable backend for mmcv's compiled operators, in plain torch.

mmdet imports ``mmcv.ops``, which asks for the compiled module ``mmcv._ext``. Where that module is
missing (mmcv-lite, or a torch for which there is no mmcv wheel), :func:`install_portable_ops`
offers one made of this package's functions.
"""

from mmpatchioner.ops.installation import install_portable_ops

__all__ = ['install_portable_ops']
