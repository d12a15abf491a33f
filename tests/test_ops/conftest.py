"""Every test here runs mmcv's own Python wrappers on the portable operators."""

from __future__ import annotations

import importlib
import pkgutil
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from types import ModuleType

import pytest

from mmpatchioner.ops import nms, roi_align
from mmpatchioner.ops.extension import NAME, PortableLoader


@pytest.fixture(scope='session')
def portable_extension() -> ModuleType:
    loader = PortableLoader()
    module = module_from_spec(ModuleSpec(NAME, loader))
    loader.exec_module(module)
    return module


@pytest.fixture(scope='session')
def wrapper_modules() -> list[ModuleType]:
    """The modules of mmcv.ops that call the extension."""
    # After mmpatchioner, which the imports above have loaded.
    package = importlib.import_module('mmcv.ops')
    names = [info.name for info in pkgutil.iter_modules(package.__path__, 'mmcv.ops.')]
    modules = [importlib.import_module(name) for name in names]
    return [module for module in modules if hasattr(module, 'ext_module')]


@pytest.fixture(autouse=True)
def _portable_operators(monkeypatch, portable_extension, wrapper_modules) -> None:
    """Portable also where mmcv has compiled operators, and without torchvision's kernels."""
    for module in wrapper_modules:
        monkeypatch.setattr(module, 'ext_module', portable_extension)
    for module in (nms, roi_align):
        monkeypatch.setattr(module, 'torchvision_ops', lambda device_type: None)
