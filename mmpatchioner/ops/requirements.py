"""Checks that OpenMMLab's packages are there and fit one another."""

from __future__ import annotations

import importlib
from types import ModuleType

REMEDY = (
    'Remedy: `pip install mmengine==0.10.7 mmcv-lite==2.1.0 mmdet==3.3.0` (no compiler needed: '
    'mmpatchioner.ops stands in for the compiled operators), or install the maintained forks '
    'onedl-mmengine, onedl-mmcv and onedl-mmdetection.'
)


def require_openmmlab() -> None:
    """Import mmengine, mmcv and mmdet, in this order.

    Raises:
        ImportError: If one of them is not installed or if mmdet refuses the version of another; the
            message names the package and the remedy.
    """
    for name in ('mmengine', 'mmcv', 'mmdet'):
        _require(name)


def _require(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise ImportError(f'mmpatchioner needs {name}, which is not installed. {REMEDY}') from error
    except AssertionError as error:
        # mmdet 3.3 asserts the versions of mmcv and mmengine when it is imported.
        raise ImportError(f'{name} refuses what it finds installed: {error} {REMEDY}') from error
