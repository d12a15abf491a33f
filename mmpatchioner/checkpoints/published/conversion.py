"""From the files of a published checkpoint to those that our configs read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmpatchioner.checkpoints.conversion import Converted
from mmpatchioner.checkpoints.decap import convert_decap, decoder_arguments
from mmpatchioner.checkpoints.errors import CheckpointError
from mmpatchioner.checkpoints.loading import save_safetensors
from mmpatchioner.checkpoints.meacap import convert_meacap_memory
from mmpatchioner.checkpoints.memory_file import Memory
from mmpatchioner.checkpoints.memory_h5 import convert_memory_h5
from mmpatchioner.checkpoints.published.models import PublishedModel
from mmpatchioner.checkpoints.published.settings import CONFIG_FILE
from mmpatchioner.checkpoints.published.sources import PublishedFiles
from mmpatchioner.checkpoints.talk2dino import PATCHIONER_SPACE
from mmpatchioner.checkpoints.viecap import convert_viecap, viecap_arguments

DECODER, MEMORY = 'decoder.safetensors', 'memory.safetensors'

# What is written of a system: a report and the arguments of its decoder.
Convert = Callable[[PublishedFiles, Path], tuple[list[str], dict[str, Any]]]


def convert_files(
    model: PublishedModel, files: PublishedFiles, folder: Path
) -> tuple[str, dict[str, Any]]:
    """Convert a checkpoint into a folder.

    Args:
        model: What it is expected to be.
        files: Its files.
        folder: Where to write ``decoder.safetensors`` and, of systems with a memory, ``memory.safetensors``.

    Returns:
        A report of what went where, and the arguments of the decoder that its sizes call for.

    Raises:
        CheckpointError: if it is of another system, a file is unfit, or h5py is missing and needed.
    """
    found = files.settings.system
    if found != model.system:
        raise CheckpointError(
            f'{files.config}: expected the system {model.system!r} of {model.name}, got {found!r}; '
            f'take the model talk2dino-{found}-coco.'
        )
    report, arguments = _CONVERTERS[model.system](files, folder)
    return '\n'.join([f'{model.name} from {files.origin}', '', *report, '']), arguments


def _decap(files: PublishedFiles, folder: Path) -> tuple[list[str], dict[str, Any]]:
    try:
        memory = convert_memory_h5(files.paths['memory'], metadata={'space': PATCHIONER_SPACE})
    except ImportError as error:  # without h5py
        raise CheckpointError(str(error)) from error
    line = _save_memory(memory, files.paths['memory'], files.settings.prefix_size, folder)
    report, arguments = _capdec(files, folder)
    return [
        *report,
        f'{line}, {memory.metadata["rows_of_zeros_left_out"]} of zeros left out',
    ], arguments


def _capdec(files: PublishedFiles, folder: Path) -> tuple[list[str], dict[str, Any]]:
    converted = convert_decap(files.paths['decoder'], prefix_dims=files.settings.prefix_size)
    return [_save(converted, folder)], dict(decoder_arguments(converted))


def _viecap(files: PublishedFiles, folder: Path) -> tuple[list[str], dict[str, Any]]:
    converted = convert_viecap(files.paths['decoder'], prefix_dims=files.settings.prefix_size)
    arguments = dict(viecap_arguments(converted))
    if files.settings.entities:
        arguments['hard_prompt'] = dict(files.settings.entities)
    return [_save(converted, folder)], arguments


def _meacap(files: PublishedFiles, folder: Path) -> tuple[list[str], dict[str, Any]]:
    source = files.paths['embeddings']
    memory = convert_meacap_memory(
        files.paths['captions'], source, metadata={'space': PATCHIONER_SPACE}
    )
    line = _save_memory(memory, source, files.settings.prefix_size, folder)
    report, arguments = _viecap(files, folder)
    return [*report, line], arguments


def _save(converted: Converted, folder: Path) -> str:
    save_safetensors(
        converted.tensors, folder / DECODER, {**converted.metadata, 'space': PATCHIONER_SPACE}
    )
    return f'{converted.report()}\n\n{DECODER}: {len(converted.tensors)} tensors, space {PATCHIONER_SPACE}'


def _save_memory(memory: Memory, source: Path, width: int, folder: Path) -> str:
    if memory.embed_dims != width:
        raise CheckpointError(
            f'{source}: expected rows of {width} dimensions, the prefix_size of {CONFIG_FILE}, got '
            f'{memory.embed_dims}. They are of different models.'
        )
    memory.save(folder / MEMORY)
    return f'{MEMORY}: {len(memory):,} rows of {width}'


_CONVERTERS: dict[str, Convert] = {
    'decap': _decap,
    'capdec': _capdec,
    'viecap': _viecap,
    'meacap': _meacap,
}
