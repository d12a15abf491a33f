"""Published vocabularies of ViECap, embeddings of names, as memories whose texts are the names."""

from __future__ import annotations

import io
import os
import pickle
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmpatchioner.checkpoints.conversion import provenance
from mmpatchioner.checkpoints.errors import CheckpointError
from mmpatchioner.checkpoints.loading import resolve_file
from mmpatchioner.checkpoints.memory_file import Memory

# What damaged pickles raise, by the documentation of the module and of torch.
_UNPICKLING_ERRORS = (
    pickle.UnpicklingError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)


def read_names(path: str | os.PathLike[str]) -> list[str]:
    """Names of a text file, one in each line; empty lines are left out.

    Raises:
        FileNotFoundError: if the file is missing.
    """
    lines = Path(path).read_text(encoding='utf-8').splitlines()
    return [name for line in lines if (name := line.strip())]


def convert_entities(
    path: str | os.PathLike[str], names: Sequence[str], metadata: dict[str, str] | None = None
) -> Memory:
    """Convert a published vocabulary.

    The files hold rows alone, in the order of the alphabet: the released code lower-cases and sorts the names that it
    reads beside them, and so it is done here.

    Args:
        path: A ``.pickle`` of one tensor (E, D), e.g. ``coco_embeddings_ViT-B16_t2d__with_ensemble.pickle``, of which
            nothing else is read; or an ``.npz`` with ``embeddings``.
        names: The E names, in any order.
        metadata: Strings to add, e.g. ``space``.

    Raises:
        CheckpointError: if the file is missing, unsafe or damaged, or has not as many rows as there are names.
    """
    file = resolve_file(path)
    rows = _load_npz(file) if file.suffix == '.npz' else _load_pickled_tensor(file)
    ordered = sorted(name.lower().strip() for name in names)
    if rows.ndim != 2 or len(rows) != len(ordered):
        raise CheckpointError(
            f'{file}: expected a row for each of {len(ordered)} names, got {tuple(rows.shape)}. It is another '
            'vocabulary.'
        )
    try:
        return Memory.from_rows(rows.float(), ordered, {**provenance(file), **(metadata or {})})
    except ValueError as error:
        raise CheckpointError(f'{file}: {error}') from error


def _load_npz(file: Path) -> Tensor:
    try:
        with np.load(file, allow_pickle=False) as content:
            return torch.from_numpy(content['embeddings'])
    except (ValueError, KeyError, OSError) as error:
        raise CheckpointError(f'{file}: expected an .npz with `embeddings` ({error}).') from error


def _load_pickled_tensor(file: Path) -> Tensor:
    try:
        with file.open('rb') as stream:
            content = _TensorUnpickler(stream).load()
    except _UNPICKLING_ERRORS as error:
        raise CheckpointError(f'{file}: cannot be read as one pickled tensor ({error}).') from error
    if not isinstance(content, Tensor):
        raise CheckpointError(f'{file}: expected one tensor, got {type(content).__name__}.')
    return content


def _load_storage(data: bytes) -> Any:
    return torch.load(io.BytesIO(data), map_location='cpu', weights_only=True)


_TENSOR_PARTS: dict[tuple[str, str], Callable[..., Any]] = {
    ('torch._utils', '_rebuild_tensor_v2'): torch._utils._rebuild_tensor_v2,
    ('torch.storage', '_load_from_bytes'): _load_storage,
    ('collections', 'OrderedDict'): OrderedDict,
}


class _TensorUnpickler(pickle.Unpickler):
    """Reads a pickled tensor and refuses whatever else a pickle may call."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _TENSOR_PARTS:
            raise pickle.UnpicklingError(f'{module}.{name} is no part of a tensor')
        return _TENSOR_PARTS[module, name]
