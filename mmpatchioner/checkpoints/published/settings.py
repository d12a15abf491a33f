"""``config.yaml`` of a published checkpoint: which system it is, and which files belong to it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from mmpatchioner.checkpoints.errors import CheckpointError

CONFIG_FILE = 'config.yaml'
# What our configs of these checkpoints do, by the published keys; a key that is missing has this value.
_EXPECTED = {
    'resize_dim': 518,
    'crop_dim': 518,
    'linear_talk2dino': False,
    'talk2dino_attn_type': 'qkv',
    'attention_type': 'qkv',
    'use_open_clip': False,
    'calculate_argmax_text': False,
}
_EXPECTED_WITH_MEMORY = {'normalize': True, 'use_talk2dino_project': True}
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
        viecap: The keys of ``viecap``; empty for the other systems.
    """

    system: str
    prefix_size: int
    files: tuple[WantedFile, ...]
    viecap: Mapping[str, Any]


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
    _check(content, bool(memory_size), source)
    if viecap:
        system = 'meacap' if _mapping(viecap, 'meacap', source) else 'viecap'
    else:
        system = 'decap' if memory_size else 'capdec'
    return PublishedSettings(
        system=system,
        prefix_size=_integer(content, 'prefix_size', source),
        files=tuple(_files(system, content, viecap, source)),
        viecap=viecap,
    )


def _files(
    system: str, content: Mapping[str, Any], viecap: Mapping[str, Any], source: Path
) -> list[WantedFile]:
    if system in ('viecap', 'meacap'):
        weights = _basename(viecap, 'weight_path', source)
        files = [WantedFile('decoder', weights, '*.pt', viecap.get('hf_repo_id'))]
        if system == 'meacap':
            meacap = viecap['meacap']
            folder = f'memory/{_text(meacap, "memory_id", source)}'
            repo_id = meacap.get('hf_repo_id')
            for role in ('captions.json', 'clip_embeddings.pt'):
                files.append(WantedFile(role, f'{folder}/memory_{role}', None, repo_id))
        return files
    files = [WantedFile('decoder', _basename(content, 'decap_weights', source), '*.pt')]
    if system == 'decap':
        files.append(WantedFile('memory', _memory_name(content), '*.h5'))
    return files


def _memory_name(content: Mapping[str, Any]) -> str:
    """The name that the released code computes; of Talk2DINO with the attention that :func:`_check` lets pass."""
    clip = (content.get('clip_model_name') or 'ViT-B/16').replace('/', '.')
    return f'coco_captions_text_embeddings-B16-{clip}-{content["support_memory_size"]}.h5'


def _check(content: Mapping[str, Any], with_memory: bool, source: Path) -> None:
    expected = {**_EXPECTED, **(_EXPECTED_WITH_MEMORY if with_memory else {})}
    wrong = [
        f'{key}: expected {value!r}, got {content[key]!r}'
        for key, value in expected.items()
        if content.get(key, value) != value
    ]
    if content.get('dino_model') != _BACKBONE:
        wrong.append(f'dino_model: expected {_BACKBONE!r}, got {content.get("dino_model")!r}')
    wrong += [
        f'{key}: expected none, got {content[key]!r}' for key in _OTHER_SYSTEMS if content.get(key)
    ]
    if wrong:
        raise CheckpointError(
            f'{source}: is not a checkpoint of Talk2DINO that this project has a config for: {"; ".join(wrong)}. '
            'Convert its files one by one (docs/converters.md) and write a config for them.'
        )


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
