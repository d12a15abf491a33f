"""mmpatchioner: zero-shot captions for any region of an image, as an MMDetection plugin.

Importing the package is enough to use it from a config: it makes mmdet importable where mmcv's compiled
operators are missing (see :mod:`mmpatchioner.ops`) and adds its classes to mmdet's registries.
"""

from mmpatchioner.ops import install_portable_ops
from mmpatchioner.version import __version__

install_portable_ops()

from mmpatchioner import registry  # noqa: E402  (mmdet may be imported only after the operators)

__all__ = ['__version__', 'registry']
