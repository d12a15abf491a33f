"""Configs of published checkpoints: fetched, converted and named in the config on first use."""

from __future__ import annotations

from pathlib import Path

from mmengine.config import Config

from mmpatchioner.apis.zoo import find_config
from mmpatchioner.checkpoints.published import (
    CONFIG_FILE,
    PUBLISHED,
    Conversion,
    PublishedModel,
    convert_published,
    read_folder,
)


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
    _name_files(cfg, convert_published(published, Path(folder) if folder else None))
    return cfg


def _by_system(system: str) -> PublishedModel:
    return next(model for model in PUBLISHED.values() if model.system == system)


def _name_files(cfg: Config, conversion: Conversion) -> None:
    head = cfg.model.caption_head
    head.decoder.update(conversion.record['decoder'])
    checkpoint = str(conversion.folder / 'decoder.safetensors')
    head.decoder.init_cfg = dict(type='Pretrained', checkpoint=checkpoint)
    memory = conversion.folder / 'memory.safetensors'
    if memory.is_file():
        owner = head.decoder.hard_prompt if 'hard_prompt' in head.decoder else head.bridge
        owner.memory = str(memory)
