"""``config.yaml`` of a published checkpoint: which system it is, and which files belong to it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from mmpatchioner.checkpoints.errors import CheckpointError
from mmpatchioner.checkpoints.meacap import CAPTIONS_FILE, EMBEDDINGS_FILE

CONFIG_FILE = 'config.yaml'
# What our configs of these checkpoints do, by the published keys; a key that is missing has this value.
_CLIP = 'ViT-B/16'
_EXPECTED: dict[str, Any] = {
    'resize_dim': 518,
    'crop_dim': 518,
    'clip_model_name': _CLIP,
    'linear_talk2dino': False,
    'talk2dino_attn_type': 'qkv',
    'attention_type': 'qkv',
    'use_open_clip': False,
    'calculate_argmax_text': False,
}
_VIECAP = {'support_memory_size': 0, 'viecap.soft_prompt_first': True}
_EXPECTED_OF: dict[str, dict[str, Any]] = {
    'decap': {'normalize': True, 'use_talk2dino_project': True},
    'viecap': {**_VIECAP, 'viecap.name_of_entities_text': 'coco_entities'},
    'meacap': _VIECAP,
}
_ENTITY_DEFAULTS = {'top_k': 3, 'threshold': 0.2}  # of the released code; its configs say 0.4
_BACKBONE = 'dinov2_vitb14_reg'
_OTHER_SYSTEMS = (
    'proxyclip_clipmodel',
    'regionclip_config',
    'invite_config',
    'denseclip_config',
    'alphaclip_config',
    'clipcap',
    'talk2dino_weights',
)


@dataclass(frozen=True)
class WantedFile:
    """A file that a checkpoint consists of.

    Attributes:
        role: What it is for.
        name: Its path inside the repository, or the end of it.
        pattern: The only file of this pattern is taken if there is none of that name.
        repo_id: Its repository, if that is another one.
    """

    role: str
    name: str
    pattern: str | None = None
    repo_id: str | None = None


@dataclass(frozen=True)
class PublishedSettings:
    """What a ``config.yaml`` says.

    Attributes:
        system: ``'decap'``, ``'capdec'``, ``'viecap'`` or ``'meacap'``.
        prefix_size: Width of the vectors that the decoder reads.
        files: The files that are needed.
        entities: ``top_k`` and ``threshold`` of the entities that ViECap names; empty for the other systems.
    """

    system: str
    prefix_size: int
    files: tuple[WantedFile, ...]
    entities: Mapping[str, float]


def read_settings(path: str | os.PathLike[str]) -> PublishedSettings:
    """Read a ``config.yaml`` as plain data.

    Args:
        path: The file.

    Raises:
        CheckpointError: if it is missing, is not YAML of plain values, lacks a key, or asks for something else than the
            systems of Talk2DINO and DINOv2 ViT-B/14 with registers do.
    """
    source = Path(path)
    try:
        content = yaml.safe_load(source.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = ' '.join(str(error).split())
        raise CheckpointError(
            f'{source}: can not be read as YAML of plain values ({reason}).'
        ) from error
    if not isinstance(content, dict):
        raise CheckpointError(f'{source}: expected keys and values, got {type(content).__name__}.')
    memory_size = _integer(content, 'support_memory_size', source)
    viecap = _mapping(content, 'viecap', source)
    if viecap:
        system = 'meacap' if _mapping(viecap, 'meacap', source) else 'viecap'
    else:
        system = 'decap' if memory_size else 'capdec'
    _check(system, content, viecap, source)
    return PublishedSettings(
        system=system,
        prefix_size=_integer(content, 'prefix_size', source),
        files=tuple(_files(system, content, viecap, source)),
        entities=_entities(viecap, source) if system == 'viecap' else {},
    )


def _files(
    system: str, content: Mapping[str, Any], viecap: Mapping[str, Any], source: Path
) -> list[WantedFile]:
    if system in ('decap', 'capdec'):
        files = [WantedFile('decoder', _basename(content, 'decap_weights', source), '*.pt')]
        if system == 'decap':
            # As the released code computes it; other values of the keys that it depends on are refused.
            name = f'coco_captions_text_embeddings-B16-ViT-B.16-{content["support_memory_size"]}.h5'
            files.append(WantedFile('memory', name, '*.h5'))
        return files
    weights = _basename(viecap, 'weight_path', source)
    files = [WantedFile('decoder', weights, '*.pt', _repository(viecap, source))]
    if system == 'meacap':
        meacap = viecap['meacap']
        folder = f'memory/{_text(meacap, "memory_id", source)}'
        for role, name in {'captions': CAPTIONS_FILE, 'embeddings': EMBEDDINGS_FILE}.items():
            files.append(WantedFile(role, f'{folder}/{name}', None, _repository(meacap, source)))
    return files


def _check(
    system: str, content: Mapping[str, Any], viecap: Mapping[str, Any], source: Path
) -> None:
    expected = {**_EXPECTED, **_EXPECTED_OF.get(system, {})}
    expected |= dict.fromkeys(_OTHER_SYSTEMS)
    given = {**content, 'clip_model_name': content.get('clip_model_name') or _CLIP}
    given |= {f'viecap.{key}': value for key, value in viecap.items()}
    wrong = [
        f'{key}: expected {value!r}, got {given[key]!r}'
        for key, value in expected.items()
        if (given.get(key, value) or None) != (value or None)
    ]
    if given.get('dino_model') != _BACKBONE:
        wrong.append(f'dino_model: expected {_BACKBONE!r}, got {given.get("dino_model")!r}')
    if wrong:
        raise CheckpointError(
            f'{source}: is not a checkpoint of Talk2DINO that this project has a config for: {"; ".join(wrong)}. '
            'Convert its files one by one (docs/converters.md) and write a config for them.'
        )


def _entities(viecap: Mapping[str, Any], source: Path) -> dict[str, float]:
    found = {key: viecap.get(key, default) for key, default in _ENTITY_DEFAULTS.items()}
    for key, value in found.items():
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise CheckpointError(f'{source}: viecap.{key}: expected a number, got {value!r}.')
    return found


def _repository(content: Mapping[str, Any], source: Path) -> str | None:
    return _text(content, 'hf_repo_id', source) if content.get('hf_repo_id') else None


def _text(content: Mapping[str, Any], key: str, source: Path) -> str:
    value = content.get(key)
    if not isinstance(value, str) or not value:
        raise CheckpointError(f'{source}: {key}: expected a text, got {value!r}.')
    return value


def _basename(content: Mapping[str, Any], key: str, source: Path) -> str:
    return PurePosixPath(_text(content, key, source)).name


def _integer(content: Mapping[str, Any], key: str, source: Path) -> int:
    value = content.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise CheckpointError(f'{source}: {key}: expected a number, got {value!r}.')
    return value


def _mapping(content: Mapping[str, Any], key: str, source: Path) -> Mapping[str, Any]:
    value = content.get(key) or {}
    if not isinstance(value, dict):
        raise CheckpointError(f'{source}: {key}: expected keys and values, got {value!r}.')
    return value
