"""How every part of a published system is made small: 32 dimensions, two layers, random weights.

A module of this folder for each part; it registers a function by the name of the part's class.
"""

from __future__ import annotations

import itertools
import pkgutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

WIDTH = 32
INPUT_SIZE = 70  # pixels, a multiple of the patch size of most backbones
Reduce = Callable[[Any, Path], None]
_REDUCE: dict[str, Reduce] = {}
_INPUT_SIZES: dict[str, int] = {}  # of necks whose patches do not divide the usual size


def reduces(*classes: str, input_size: int = INPUT_SIZE) -> Callable[[Reduce], Reduce]:
    """Register a function that changes the config of such a part in place; the folder is for files it needs.

    ``input_size`` is for necks whose patches do not divide the usual size of the view.
    """

    def register(function: Reduce) -> Reduce:
        _REDUCE.update(dict.fromkeys(classes, function))
        _INPUT_SIZES.update(dict.fromkeys(classes, input_size))
        return function

    return register


def reduce_model(cfg: Any, folder: Path) -> None:
    """Make the model of a config and its view small."""
    reduce_parts(cfg.model, folder)
    size = _INPUT_SIZES.get(cfg.model.neck.type.rpartition('.')[2], INPUT_SIZE)
    evaluation = cfg.get('test_dataloader', {}).get('dataset', {}).get('pipeline', ())
    pipelines = (cfg.test_pipeline, cfg.get('region_pipeline', ()), evaluation)
    for step in (*itertools.chain(*pipelines), cfg.model.get('view', {})):
        if 'size' in step:
            step.size = size
    if 'detector' in cfg:
        cfg.detector.checkpoint = None


def reduce_parts(part: Any, folder: Path) -> None:
    """Make every part in a config small that is named by its class."""
    if isinstance(part, dict):
        kind = part.get('type')
        if isinstance(kind, str) and (reduce := _REDUCE.get(kind.rpartition('.')[2])):
            reduce(part, folder)
        for value in part.values():
            reduce_parts(value, folder)
    elif isinstance(part, (list, tuple)):
        for value in part:
            reduce_parts(value, folder)


for _module in pkgutil.iter_modules(__path__):
    import_module(f'{__name__}.{_module.name}')
