"""Offers ``mmcv._ext`` where the compiled one cannot be imported."""

from __future__ import annotations

import importlib
import logging
import sys
from importlib.machinery import ModuleSpec

from mmpatchioner.ops.extension import NAME, PortableLoader
from mmpatchioner.ops.requirements import require_openmmlab

_logger = logging.getLogger(__name__)


def install_portable_ops() -> bool:
    """Put the portable operators in the place of ``mmcv._ext`` if the compiled one does not import.

    Call it before anything imports ``mmcv.ops`` or a model of mmdet; ``import mmpatchioner`` does
    so. Calling it again changes nothing.

    Returns:
        Whether the portable operators are in use.

    Raises:
        ImportError: If mmengine, mmcv or mmdet is missing, or if mmdet refuses their versions.
    """
    require_openmmlab()
    try:
        extension = importlib.import_module(NAME)
    except ImportError as error:
        # A missing module is mmcv-lite and needs no word; one that is there but does not load is a
        # broken installation.
        if not isinstance(error, ModuleNotFoundError):
            _logger.warning(
                'The compiled operators of mmcv do not load (%s): they were built for another '
                'torch. The portable operators of mmpatchioner.ops are used instead.',
                error,
            )
        _put_in_place()
        return True
    return isinstance(extension.__loader__, PortableLoader)


def _put_in_place() -> None:
    spec = ModuleSpec(NAME, PortableLoader(), origin=__package__)
    module = importlib.util.module_from_spec(spec)
    PortableLoader().exec_module(module)
    sys.modules[NAME] = module
    parent, _, child = NAME.rpartition('.')
    setattr(sys.modules[parent], child, module)
