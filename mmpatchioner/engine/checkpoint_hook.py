"""Checkpoints that are whole or not there, and the search for the last of them."""

from __future__ import annotations

import os
import re
from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from mmpatchioner.engine.safe_loading import use_safe_loading
from mmpatchioner.files import write_atomic
from mmpatchioner.registry import HOOKS

_BACKEND = 'mmpatchioner.atomic'


class AtomicLocalBackend(LocalBackend):
    """Local files, written beside their place and moved there when complete."""

    def put(self, obj: bytes | memoryview, filepath: str | Path) -> None:
        """Write bytes to a file; a crash leaves the old file, or none."""
        write_atomic(filepath, obj)


register_backend(_BACKEND, AtomicLocalBackend, force=True)


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
    """mmengine's ``CheckpointHook`` that writes atomically, and resumes without unpickling code.

    Args:
        **kwargs: See ``mmengine.hooks.CheckpointHook``. ``backend_args`` chooses another storage, which then is as
            atomic as that storage is.
    """

    def __init__(self, **kwargs) -> None:  # type: ignore[no-untyped-def]
        super().__init__(**{'backend_args': {'backend': _BACKEND}, **kwargs})

    def before_run(self, runner: Runner) -> None:
        """Take over the loading of checkpoints, which happens next."""
        use_safe_loading()


def find_checkpoint(work_dir: str | os.PathLike[str]) -> str | None:
    """The newest complete checkpoint of a run.

    mmengine notes it in ``last_checkpoint``, with its absolute path. A note that is empty (the run was killed while
    writing it) or stale (the folder was moved) must not cost the run: the newest numbered file counts then.

    Args:
        work_dir: Folder of the run.

    Returns:
        Path of the checkpoint, or None if there is none.
    """
    folder = Path(work_dir)
    note = folder / 'last_checkpoint'
    if note.is_file():
        named = note.read_text().strip()
        for path in (Path(named), folder / Path(named).name):
            if named and path.is_file():
                return str(path)
    numbered = (
        (int(match[1]), str(path))
        for path in folder.glob('*.pth')
        if (match := re.fullmatch(r'(?:epoch|iter)_(\d+)', path.stem))
    )
    return max(numbered, default=(0, None))[1]
