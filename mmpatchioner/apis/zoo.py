"""Model names and the configs they stand for."""

from __future__ import annotations

import difflib
from pathlib import Path

from mmengine import fileio

import mmpatchioner
from mmpatchioner.apis.errors import InputError
from mmpatchioner.checkpoints.published import PUBLISHED


def config_root() -> Path:
    """The folder of the configs: that of a source checkout, or the copy inside the installed package.

    Raises:
        FileNotFoundError: if neither is there.
    """
    package = Path(mmpatchioner.__file__).parent
    candidates = (package.parent / 'configs', package / '.mim' / 'configs')
    for folder in candidates:
        if (folder / '_base_').is_dir():
            return folder
    raise FileNotFoundError(
        f'The configs of mmpatchioner are missing: looked in {candidates[0]} and {candidates[1]}.'
    )


def available_models() -> dict[str, Path]:
    """Names of the models and their config files, sorted: what the ``metafile.yml`` of the config folders list.

    A name is its config's file name without ``.py``, or that of a published checkpoint, e.g.
    ``'talk2dino-decap-coco'``, whose weights :class:`CaptionInferencer` fetches on first use.
    """
    root = config_root()
    files = [
        root.parent / model['Config']
        for metafile in root.glob('*/metafile.yml')
        for model in fileio.load(metafile).get('Models') or ()
    ]
    models = {path.stem: path for path in files if path.is_file()}
    models |= {
        name: models[published.config]
        for name, published in PUBLISHED.items()
        if published.config in models
    }
    return dict(sorted(models.items()))


def find_config(model: str | Path) -> Path:
    """The config file of a model.

    Args:
        model: A name of :func:`available_models`, or the path of a config.

    Raises:
        InputError: if it is neither.
    """
    path = Path(model)
    if path.suffix == '.py':
        if path.is_file():
            return path
        raise InputError(
            f'model: no such config file: {path}; give an existing one or a name ({_names()}).'
        )
    models = available_models()
    if str(model) in models:
        return models[str(model)]
    close = difflib.get_close_matches(str(model), models, n=1)
    hint = f' Did you mean {close[0]!r}?' if close else ''
    raise InputError(
        f'model: unknown name {str(model)!r}; known names: {_names()}; or give a config file.{hint}'
    )


def _names() -> str:
    return ', '.join(available_models()) or 'none'
