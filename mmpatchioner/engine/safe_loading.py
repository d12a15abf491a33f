"""mmengine's training checkpoints without their pickled code.

A training checkpoint holds more than tensors: mmengine keeps the history of the losses as ``HistoryBuffer`` objects
with numpy arrays. torch >= 2.6 refuses them, and the usual remedy, ``weights_only=False``, runs whatever a file says.
Here exactly the classes of such checkpoints are allowed, nothing else, and nothing falls back.
"""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner.checkpoint import CheckpointLoader

from mmpatchioner.checkpoints import CheckpointError

_NUMBER_TYPES = ('f2', 'f4', 'f8', 'i1', 'i2', 'i4', 'i8', 'u1', 'u2', 'u4', 'u8', '?')
_STATISTICS = ('min', 'max', 'current', 'mean')


class UnsafeCheckpointError(CheckpointError):
    """A checkpoint asks for code that no training checkpoint of mmengine needs."""


def load_training_checkpoint(
    filename: str | os.PathLike[str], map_location: Any = 'cpu'
) -> dict[str, Any]:
    """Load a checkpoint written by mmengine's runner, without running any code of the file.

    Args:
        filename: A local file.
        map_location: As for ``torch.load``.

    Returns:
        The checkpoint: state dict, optimizer, schedulers, message hub, meta information.

    Raises:
        FileNotFoundError: if there is no such file.
        UnsafeCheckpointError: if the file asks for anything but tensors, numbers and mmengine's loss histories.
        CheckpointError: if the file is damaged.
    """
    path = os.path.expanduser(filename)  # noqa: PTH111 (mmengine passes strings, also of other schemes)
    if not os.path.isfile(path):  # noqa: PTH113
        raise FileNotFoundError(f'{filename}: no such checkpoint.')
    _allow_training_globals()
    try:
        return torch.load(path, map_location=map_location, weights_only=True)
    except pickle.UnpicklingError as error:
        found = re.search(r'GLOBAL (\S+)', str(error))
        if found is None:
            raise CheckpointError(f'{filename}: not a readable checkpoint ({error}).') from error
        raise UnsafeCheckpointError(
            f'{filename} asks for {found[1]!r}, which no training checkpoint of mmengine needs; loading it could run '
            'any code, so it is refused. Where you trust the file, save its state_dict as safetensors and name that '
            f'in `load_from`. Checkpoints of a run need torch >= 2.6 to resume (here {torch.__version__}).'
        ) from error
    except (RuntimeError, EOFError) as error:
        raise CheckpointError(f'{filename}: damaged or cut off ({error}).') from error


def use_safe_loading() -> None:
    """Make mmengine load local checkpoints by :func:`load_training_checkpoint`, in this process, from now on."""
    _allow_training_globals()
    CheckpointLoader.register_scheme(prefixes='', loader=load_from_local, force=True)


def load_from_local(filename: str, map_location: Any = None) -> dict[str, Any]:
    """Loader in mmengine's form; the log calls it by the end of its name."""
    return load_training_checkpoint(filename, map_location)


def training_globals() -> list[Any]:
    """What mmengine's training checkpoints hold beside tensors and plain values, in the form torch wants it."""
    return [
        HistoryBuffer,
        (_history_statistic, 'builtins.getattr'),
        np.ndarray,
        np.dtype,
        *{type(np.dtype(name)) for name in _NUMBER_TYPES},
        *_numpy_rebuilders(),
    ]


def _allow_training_globals() -> None:
    # torch < 2.6 knows no such list, or not under other names: there every checkpoint with a history is refused.
    if hasattr(torch.serialization, 'get_unsafe_globals_in_checkpoint'):
        torch.serialization.add_safe_globals(training_globals())


def _history_statistic(owner: type, name: str) -> Callable[..., Any]:
    """Stand in for ``getattr``, by which a pickled HistoryBuffer names its four statistics, and for nothing else."""
    if owner is not HistoryBuffer or name not in _STATISTICS:
        raise pickle.UnpicklingError(f'Unsupported global: GLOBAL getattr({owner!r},{name!r})')
    return getattr(owner, name)


def _numpy_rebuilders() -> list[tuple[Callable[..., Any], str]]:
    """The functions that rebuild arrays and scalars, under the module names of numpy 1 and 2."""
    reconstruct = np.ndarray([0]).__reduce__()[0]
    scalar = np.float64(0).__reduce__()[0]
    return [
        (function, f'numpy.{core}.multiarray.{name}')
        for core in ('core', '_core')
        for name, function in (('_reconstruct', reconstruct), ('scalar', scalar))
    ]
