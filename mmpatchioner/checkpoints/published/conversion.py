"""From the files of a published checkpoint to those that our configs read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmpatchioner.checkpoints.conversion import Converted
from mmpatchioner.checkpoints.decap import convert_decap, decoder_arguments
from mmpatchioner.checkpoints.errors import CheckpointError
from mmpatchioner.checkpoints.loading import save_safetensors
from mmpatchioner.checkpoints.memory_h5 import convert_memory_h5
from mmpatchioner.checkpoints.published.models import PublishedModel
from mmpatchioner.checkpoints.published.sources import PublishedFiles

DECODER, MEMORY = 'decoder.safetensors', 'memory.safetensors'
# That of the Talk2DINO weights of the Patch-ioner repository, to which the published decoders and memories belong.
_SPACE = 'talk2dino-vitb14-reg'

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
        memory = convert_memory_h5(files.paths['memory'], metadata={'space': _SPACE})
    except ImportError as error:  # without h5py
        raise CheckpointError(str(error)) from error
    width = files.settings.prefix_size
    if memory.embed_dims != width:
        raise CheckpointError(
            f'{files.paths["memory"]}: expected rows of {width} dimensions, the prefix_size of {files.config.name}, '
            f'got {memory.embed_dims}. They are of different models.'
        )
    report, arguments = _capdec(files, folder)
    memory.save(folder / MEMORY)
    zeros = memory.metadata['rows_of_zeros_left_out']
    line = f'{MEMORY}: {len(memory):,} rows of {width}, {zeros} of zeros left out'
    return [*report, line], arguments


def _capdec(files: PublishedFiles, folder: Path) -> tuple[list[str], dict[str, Any]]:
    converted = convert_decap(files.paths['decoder'], prefix_dims=files.settings.prefix_size)
    return [_save(converted, folder / DECODER)], decoder_arguments(converted)


def _save(converted: Converted, path: Path) -> str:
    save_safetensors(converted.tensors, path, {**converted.metadata, 'space': _SPACE})
    return f'{converted.report()}\n\n{path.name}: {len(converted.tensors)} tensors, space {_SPACE}'


_CONVERTERS: dict[str, Convert] = {'decap': _decap, 'capdec': _capdec}
