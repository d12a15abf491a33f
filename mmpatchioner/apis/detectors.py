"""Joining any mmdet detector to a captioner's config."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mmdet
from mmdet.registry import DATASETS
from mmengine.config import Config

from mmpatchioner.apis.errors import InputError

_PATCH_VIEW = 'AddPatchView'


def find_detector_config(detector: str | Path) -> Path:
    """The config file of a detector.

    Args:
        detector: The path of a config, or the name of one of mmdet's, e.g. ``rtmdet_tiny_8xb32-300e_coco``.

    Raises:
        InputError: if it is neither.
    """
    path = Path(detector)
    if path.is_file():
        return path
    root = Path(mmdet.__file__).parent / '.mim' / 'configs'
    known = {file.stem: file for file in sorted(root.rglob('*.py')) if '_base_' not in file.parts}
    name = path.name.removesuffix('.py')
    if name in known:
        return known[name]
    close = difflib.get_close_matches(name, known, n=3)
    hint = f'; did you mean {" or ".join(close)}?' if close else ''
    raise InputError(
        f'detector: {str(detector)!r} is neither a config file nor the name of one of the {len(known)} configs of '
        f'mmdet {mmdet.__version__}{hint}'
    )


def attach_detector(cfg: Config, detector_cfg: Config) -> Config:
    """Make a detector part of a captioner.

    The detector's model becomes ``model.detector``. Its test transforms go between the captioner's patch view, which
    is made from the image as loaded, and the packing; what stood there is left out, for annotated regions are not
    asked for where a detector finds them. A test dataset of the captioner's config gets the joint transforms. Names of
    pretrained backbones are taken out, so that building the model downloads nothing: weights come from a checkpoint of
    the whole detector.

    Args:
        cfg: Config of a captioner; left as it is.
        detector_cfg: Config of a detector; left as it is.

    Returns:
        The config of the captioner with the detector.

    Raises:
        InputError: if a config lacks a model or a test pipeline.

    Example:
        >>> view, pack = dict(type='mmpatchioner.AddPatchView'), dict(type='mmpatchioner.PackCaptionInputs')
        >>> load, resize = dict(type='LoadImageFromFile'), dict(type='Resize', scale=(64, 64))
        >>> captioner = Config(dict(model=dict(neck=dict()), test_pipeline=[load, view, pack]))
        >>> detector = Config(dict(model=dict(type='ATSS'), test_pipeline=[load, resize, dict(type='PackDetInputs')]))
        >>> joined = attach_detector(captioner, detector)
        >>> joined.model.detector.type, [step.type for step in joined.test_pipeline[1:]]
        ('ATSS', ['mmpatchioner.AddPatchView', 'Resize', 'mmpatchioner.PackCaptionInputs'])
    """
    if 'model' not in detector_cfg:
        raise InputError(
            'detector: its config has no `model`; give the config of an mmdet detector.'
        )
    joined = copy.deepcopy(cfg)
    scope = detector_cfg.get('default_scope') or 'mmdet'
    joined.model.detector = _scoped(without_pretrained(detector_cfg.model.to_dict()), scope)
    joined.model.region_source = 'detector'
    own = read_test_pipeline(cfg, 'model')
    first = next((i for i, step in enumerate(own) if _class(step) == _PATCH_VIEW), None)
    if first is None:
        raise InputError(
            f'model: its test pipeline has no {_PATCH_VIEW}; a captioner needs its view of the image.'
        )
    theirs = [
        _scoped(step, scope)
        for step in read_test_pipeline(detector_cfg, 'detector')
        if not _class(step).startswith(('Load', 'Pack'))
    ]
    joined.test_pipeline = [*own[: first + 1], *theirs, own[-1]]
    dataset = _test_dataset(joined)
    while 'dataset' in dataset:
        dataset = dataset['dataset']
    if dataset:
        dataset['pipeline'] = joined.test_pipeline
    return joined


def read_test_pipeline(cfg: Config, what: str) -> list[dict[str, Any]]:
    """The test transforms of a config: those of its test dataset, else its ``test_pipeline``.

    Args:
        cfg: Config of a captioner or detector.
        what: How errors call it.

    Raises:
        InputError: if there is none.
    """
    dataset = _test_dataset(cfg)
    while dataset and 'pipeline' not in dataset:
        dataset = dataset.get('dataset') or {}
    steps = dataset.get('pipeline') or cfg.get('test_pipeline')
    if not steps:
        raise InputError(
            f'{what}: its config has neither `test_pipeline` nor `test_dataloader.dataset.pipeline`.'
        )
    return [dict(step) for step in copy.deepcopy(list(steps))]


def class_names(cfg: Config) -> tuple[str, ...]:
    """Names of a detector's classes, from the metainfo or class of its test dataset; empty if unknown."""
    dataset = _test_dataset(cfg)
    while dataset:
        names = (dataset.get('metainfo') or {}).get('classes')
        if names is None and isinstance(dataset.get('type'), str):
            registered = DATASETS.get(dataset['type'])
            names = getattr(registered, 'METAINFO', {}).get('classes')
        if names is not None:
            return (names,) if isinstance(names, str) else tuple(names)
        dataset = dataset.get('dataset') or {}
    return ()


def _test_dataset(cfg: Config) -> dict[str, Any]:
    return (cfg.get('test_dataloader') or {}).get('dataset') or {}


def _class(step: Mapping[str, Any]) -> str:
    kind = step['type']
    return kind.rsplit('.', 1)[-1] if isinstance(kind, str) else kind.__name__


def _scoped(part: dict[str, Any], scope: str) -> dict[str, Any]:
    """Have the registries look up the names of a config of another library in that library."""
    return part if scope == 'mmdet' else {'_scope_': scope, **part}


def without_pretrained(part: Any) -> Any:
    """A part of a model's config without the names of pretrained weights in it."""
    if isinstance(part, dict):
        return {
            name: without_pretrained(value)
            for name, value in part.items()
            if not _is_pretrained(value) and not (name == 'pretrained' and isinstance(value, str))
        }
    if isinstance(part, (list, tuple)):
        return type(part)(without_pretrained(entry) for entry in part if not _is_pretrained(entry))
    return part


def _is_pretrained(part: Any) -> bool:
    return isinstance(part, dict) and part.get('type') == 'Pretrained'
