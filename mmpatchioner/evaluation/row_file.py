"""Files of scored rows: JSON lines, written batch by batch, that a stopped evaluation goes on with."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmpatchioner.evaluation.functional.rows import Row
from mmpatchioner.files import write_atomic

_HEADER = 'mmpatchioner'


class RowFileError(ValueError):
    """A file of rows can not be used; the message names the file and the remedy."""


class RowFile:
    """Rows of an evaluation on their way to a file.

    While the evaluation runs, every process appends its batches to a file of its own beside the target, each with one
    write that is on the disk when it returns. :meth:`finish` puts the target in its place at once and takes those away.

    Args:
        path: The target.
        task: What is captioned.
        fingerprint: Stands for everything that the rows depend on; rows of another are refused.
        batch_size: Rows of a batch. After a stop, a batch that was not written whole is done again as a whole, so that
            the rows do not depend on where it stopped.
        resume: Go on with what is there. If False, and something is, that is an error: hours may lie in it.
        rank: Number of this process.
        world_size: Number of processes.

    Raises:
        RowFileError: if there are rows and ``resume`` is False, or they come from something else.
    """

    def __init__(
        self,
        path: str | Path,
        task: str,
        fingerprint: str,
        batch_size: int = 1,
        resume: bool = False,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.path = Path(path)
        self.header = {'task': task, 'config': fingerprint}
        self.world_size = world_size
        self._parts = [
            self.path.with_name(f'{self.path.name}.part-{i}-of-{world_size}')
            for i in range(world_size)
        ]
        self._part = self._parts[rank]
        self._complete = False
        others = set(self.path.parent.glob(f'{_escape(self.path.name)}.part-*')) - set(self._parts)
        if others:
            raise RowFileError(
                f'{sorted(others)[0]} is left of an evaluation on another number of processes; run it on as many to go '
                'on, or delete its files to start anew.'
            )
        self.rows: list[Row] = self._read_own(resume, batch_size, rank)
        """Rows of this process that are there already."""

    def _read_own(self, resume: bool, batch_size: int, rank: int) -> list[Row]:
        part = self._part
        if part.exists():
            if not resume:
                raise RowFileError(
                    f'{part} is left of an evaluation that was stopped; go on with it by --resume-eval, or delete it.'
                )
            header, rows = read_rows(part, partial=True)
            self._check(part, header)
            kept = rows[: len(rows) // batch_size * batch_size]
            _write(part, self.header, kept)
            return kept
        if resume and self.path.exists():
            header, rows = read_rows(self.path)
            self._check(self.path, header)
            self._complete = True
            # As the sampler shares the images out: the first ones again where they do not divide evenly.
            padded = [*rows, *rows][: -(-len(rows) // self.world_size) * self.world_size]
            return padded[rank :: self.world_size]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        _write(part, self.header, [])
        return []

    @property
    def complete(self) -> bool:
        """Whether the target was there already."""
        return self._complete

    def append(self, rows: Sequence[Row]) -> None:
        """Add the rows of a batch."""
        with self._part.open('ab') as file:
            file.write(b''.join(map(_line, rows)))
            file.flush()
            os.fsync(file.fileno())

    def finish(self, rows: Sequence[Row]) -> None:
        """Write the target with the rows of all processes; called by one of them, after the last batch of all."""
        _write(self.path, self.header, rows)
        for part in self._parts:
            part.unlink(missing_ok=True)

    def _check(self, path: Path, header: dict[str, Any]) -> None:
        if header != self.header:
            different = [name for name in self.header if header.get(name) != self.header[name]]
            raise RowFileError(
                f'{path} was written by another evaluation (its {" and ".join(different) or "header"} differs): '
                'another config, other options, data or weights. Name another file with --out, or delete this one.'
            )


def read_rows(path: str | Path, partial: bool = False) -> tuple[dict[str, Any], list[Row]]:
    """Read a file of rows.

    Args:
        path: The file.
        partial: Leave out a last line that is not whole, as a stopped evaluation leaves it.

    Returns:
        The header, with ``task`` and ``config``, and the rows.

    Raises:
        RowFileError: if it is no such file.
    """
    lines = Path(path).read_bytes().split(b'\n')
    torn = lines.pop()  # what follows the last line break
    if torn and not partial:
        lines.append(torn)
    values: list[Any] = []
    for number, line in enumerate(lines, start=1):
        try:
            values.append(json.loads(line))
        except ValueError as error:
            raise RowFileError(f'{path}, line {number}: expected JSON, got {error}.') from error
    if not values or not isinstance(values[0], dict) or _HEADER not in values[0]:
        raise RowFileError(
            f'{path}: expected a first line {{"{_HEADER}": ...}}, as tools/test.py --out writes it.'
        )
    return values[0][_HEADER], values[1:]


def _write(path: Path, header: dict[str, Any], rows: Sequence[Row]) -> None:
    write_atomic(path, b''.join([_line({_HEADER: header}), *map(_line, rows)]))


def _line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode() + b'\n'


def _escape(name: str) -> str:
    """A file name as glob takes it literally."""
    return ''.join(f'[{c}]' if c in '*?[' else c for c in name)
