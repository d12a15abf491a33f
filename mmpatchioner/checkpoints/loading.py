"""Weights in and out of files: safetensors first, pickles never run, nothing missing goes unnoticed."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from mmpatchioner.checkpoints.errors import CheckpointError
from mmpatchioner.files import replacing

SCHEME = 'mmpatchioner://'
_PACKAGED = Path(__file__).parent
_WRAPPERS = ('state_dict', 'model')  # what mmengine and detectron2 store the tensors under


def resolve_file(path: str | os.PathLike[str]) -> Path:
    """Find a file of weights.

    Args:
        path: A local path, or ``mmpatchioner://NAME`` for a file that comes with the package.

    Raises:
        CheckpointError: if there is no such file.

    Example:
        >>> resolve_file('mmpatchioner://loading.py').name
        'loading.py'
    """
    name = os.fspath(path)
    if name.startswith(SCHEME):
        packaged = (_PACKAGED / name.removeprefix(SCHEME)).resolve()
        if not packaged.is_relative_to(_PACKAGED.resolve()):
            raise CheckpointError(f'{name}: expected a file inside the package, got {packaged}.')
        if not packaged.is_file():
            raise CheckpointError(
                f'{name}: the installed package holds no such file. Reinstall mmpatchioner, or name a local file.'
            )
        return packaged
    local = Path(name).expanduser()
    if not local.is_file():
        raise CheckpointError(
            f'{name}: expected a file of weights, found {"a folder" if local.is_dir() else "nothing"}. '
            'Relative paths start at the working directory; docs/converters.md tells how to obtain published weights.'
        )
    return local


def load_state_dict(path: str | os.PathLike[str], strip_prefix: str = '') -> dict[str, Tensor]:
    """Read named tensors without running any code of the file.

    Args:
        path: A ``.safetensors`` file, or one written by ``torch.save``, which is read with ``weights_only=True``.
            A dictionary with ``state_dict`` (mmengine's checkpoints) or ``model`` (detectron2's) is unwrapped. See
            :func:`resolve_file`.
        strip_prefix: Prefix to remove from every name that has it, e.g. ``'module.'`` of DistributedDataParallel.

    Returns:
        Tensors on the CPU, by name.

    Raises:
        CheckpointError: if the file is missing, damaged, holds objects other than tensors, or removing the prefix
            makes two names equal.
    """
    file = resolve_file(path)
    state = _load_safetensors(file) if file.suffix == '.safetensors' else _load_torch(file)
    if not strip_prefix:
        return state
    stripped = {name.removeprefix(strip_prefix): tensor for name, tensor in state.items()}
    if len(stripped) != len(state):
        raise CheckpointError(
            f'{file}: some names occur both with and without the prefix {strip_prefix!r}.'
        )
    return stripped


def load_tensor(path: str | os.PathLike[str]) -> Tensor:
    """Read a file that ``torch.save`` wrote of one tensor, without running any code of the file.

    Returns:
        The tensor, on the CPU.

    Raises:
        CheckpointError: if the file is missing, damaged or holds something else.
    """
    file = resolve_file(path)
    content = _load_pickle(file)
    if not isinstance(content, Tensor):
        raise CheckpointError(f'{file}: expected one tensor, got {type(content).__name__}.')
    return content


def load_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """Read the metadata of a safetensors file, not its tensors.

    Raises:
        CheckpointError: if the file is missing or damaged.
    """
    file = resolve_file(path)
    try:
        with safe_open(file, framework='pt') as handle:
            return dict(handle.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f'{file}: not a readable safetensors file ({error}).') from error


def load_space(path: str | os.PathLike[str]) -> str | None:
    """Name of the vector space that a file of weights belongs to; None if it tells none.

    Raises:
        CheckpointError: if the file is missing or damaged.
    """
    file = resolve_file(path)
    if file.suffix != '.safetensors':
        return None
    return load_metadata(file).get('space') or None


def save_safetensors(
    tensors: Mapping[str, Tensor],
    path: str | os.PathLike[str],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write named tensors so that the file is whole or not there.

    Args:
        tensors: Tensors by name; views and tensors on other devices are copied.
        path: The file, which is replaced if it exists. Its folder is made.
        metadata: Strings to store with them, e.g. where the weights come from.
    """
    with replacing(path) as scratch:
        save_file(_own_storage(tensors), scratch, metadata={'format': 'pt', **(metadata or {})})


def load_strict(module: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Fill a module with exactly the tensors it has, or raise and leave it as it was.

    Args:
        module: The module.
        state: Tensors by name.
        source: Where they come from, for the message.

    Raises:
        CheckpointError: if a tensor is missing, unknown or of another shape. All of them are named.
    """
    own = module.state_dict()
    problems = [f'missing: {name} {tuple(own[name].shape)}' for name in own.keys() - state.keys()]
    problems += [
        f'unknown: {name} {tuple(state[name].shape)}' for name in state.keys() - own.keys()
    ]
    problems += [
        f'shape of {name}: expected {tuple(own[name].shape)}, got {tuple(state[name].shape)}'
        for name in own.keys() & state.keys()
        if own[name].shape != state[name].shape
    ]
    if problems:
        listed = '\n  '.join(sorted(problems))
        raise CheckpointError(
            f'{source} does not fit {type(module).__name__}; use the file that belongs to this config, '
            f'or change the sizes in the config:\n  {listed}'
        )
    module.load_state_dict(dict(state))


def _load_safetensors(file: Path) -> dict[str, Tensor]:
    try:
        return load_file(file)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f'{file}: not a readable safetensors file ({error}). Copy or convert it again.'
        ) from error


def _load_torch(file: Path) -> dict[str, Tensor]:
    content = _load_pickle(file)
    for wrapper in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping):
        raise CheckpointError(
            f'{file}: expected a dictionary of tensors, got {type(content).__name__}.'
        )
    others = sorted(str(name) for name, value in content.items() if not isinstance(value, Tensor))
    if others:
        raise CheckpointError(
            f'{file}: expected tensors only, got other values under {others[:10]}.'
        )
    return {str(name): tensor for name, tensor in content.items()}


def _load_pickle(file: Path) -> Any:
    """What ``torch.save`` wrote, as long as it is made of tensors and plain containers."""
    try:
        return torch.load(file, map_location='cpu', weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        reason = next(
            (line for line in str(error).splitlines() if 'nsupported' in line), str(error)
        )
        raise CheckpointError(
            f'{file}: cannot be read as tensors alone, and objects of a pickle are never loaded here: they may run '
            f'any code. Save its state_dict with safetensors where you trust the file. ({reason.strip()[:300]})'
        ) from error


def _own_storage(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    # safetensors refuses views and tensors that share memory.
    seen: set[int] = set()
    result = {}
    for name, tensor in tensors.items():
        plain = tensor.detach().cpu().contiguous()
        storage = plain.untyped_storage()
        if storage.data_ptr() in seen or storage.nbytes() != plain.nbytes:
            plain = plain.clone()
        seen.add(plain.untyped_storage().data_ptr())
        result[name] = plain
    return result
