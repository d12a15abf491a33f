"""The released package, without the networks that it needs for other backbones."""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stdout
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from unittest.mock import MagicMock

VERSION = '0.1.1'
# What it imports on the way to the modules that are recorded here, which never call it.
_ABSENT = (
    'clip',
    'nltk',
    'sentence_transformers',
    'timm',
    'torchvision',
    'torchvision.transforms',
    'patchioner.proxyclip.proxyclip',
)
_scratch = TemporaryDirectory()
SCRATCH = Path(_scratch.name)
"""Where the package reads its memories; removed at the end of the process."""


def released(module: str) -> ModuleType:
    """Import a module of the released package, e.g. ``'decap.decap'``.

    Its ``__init__`` is passed by, which imports every backbone.

    Raises:
        RuntimeError: if another version is installed.
    """
    if 'patchioner' not in sys.modules:
        if version('patchioner') != VERSION:
            raise RuntimeError(f'expected patchioner {VERSION}, got {version("patchioner")}')
        import transformers  # noqa: F401, it looks for torchvision once, before the stand-in is there

        os.environ['IM2TXT_MEMORY_PATH'] = str(SCRATCH)
        package = ModuleType('patchioner')
        package.__path__ = list(find_spec('patchioner').submodule_search_locations)
        sys.modules['patchioner'] = package
        sys.modules.update({name: MagicMock(name=name) for name in _ABSENT})
    with redirect_stdout(StringIO()):
        return import_module(f'patchioner.{module}')
