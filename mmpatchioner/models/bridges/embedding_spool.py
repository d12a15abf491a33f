"""Embeddings on disk while they are computed, so that a killed process has not worked in vain."""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor


class EmbeddingSpool:
    """Rows of fp32 in a file that grows by chunks, with a journal of the chunks that are complete.

    The files lie beside the one that will be made of them: ``NAME.partial`` holds the rows, ``NAME.partial.jsonl`` a
    line for each chunk with its rows and their checksum, written when they are on the disk. Whoever opens the spool
    again finds the complete chunks; what a killed process left of the next one is cut off. For one process at a time.

    Args:
        target: The file that will be made of the rows.
        embed_dims: Width D of the rows.
        key: What the rows depend on. Rows of another key are thrown away.

    Attributes:
        rows: Number of complete rows.
    """

    def __init__(self, target: str | os.PathLike[str], embed_dims: int, key: str) -> None:
        path = Path(target)
        self._data = path.with_name(f'{path.name}.partial')
        self._journal = path.with_name(f'{path.name}.partial.jsonl')
        self.embed_dims = embed_dims
        self._header = {'key': key, 'embed_dims': embed_dims}
        self.rows = self._complete_rows()
        self._data.parent.mkdir(parents=True, exist_ok=True)
        if not self.rows:
            self._data.write_bytes(b'')
            self._journal.write_text(f'{json.dumps(self._header)}\n')
        os.truncate(self._data, self.rows * self._row_bytes)

    def append(self, rows: Tensor) -> None:
        """Add a chunk (n, D) of fp32; it is on the disk when this returns."""
        data = rows.detach().cpu().contiguous().numpy().tobytes()
        for path, content in (
            (self._data, data),
            (self._journal, self._journal_line(len(rows), data)),
        ):
            with path.open('ab') as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        self.rows += len(rows)

    def read(self) -> Tensor:
        """All rows (M, D), mapped from the file: they are read when they are used. Not to be changed."""
        if not self.rows:
            return torch.empty(0, self.embed_dims)
        mapped = np.memmap(self._data, np.float32, 'c', shape=(self.rows, self.embed_dims))
        return torch.from_numpy(mapped)

    def remove(self) -> None:
        """Delete the files."""
        self._data.unlink(missing_ok=True)
        self._journal.unlink(missing_ok=True)

    @property
    def _row_bytes(self) -> int:
        return 4 * self.embed_dims

    @staticmethod
    def _journal_line(rows: int, data: bytes) -> bytes:
        return f'{json.dumps({"rows": rows, "crc32": zlib.crc32(data)})}\n'.encode()

    def _complete_rows(self) -> int:
        """Rows of the chunks that are there as the journal says; the journal is cut after the last of them."""
        if not (self._data.is_file() and self._journal.is_file()):
            return 0
        rows, kept = 0, []
        lines = self._journal.read_bytes().splitlines(keepends=True)
        if not lines or _parse(lines[0]) != self._header:
            return 0
        with self._data.open('rb') as file:
            for line in lines[1:]:
                entry = _parse(line) or {}
                data = file.read(int(entry.get('rows', 0)) * self._row_bytes)
                if not data or line != self._journal_line(len(data) // self._row_bytes, data):
                    break
                rows += int(entry['rows'])
                kept.append(line)
        if rows:
            self._journal.write_bytes(b''.join([lines[0], *kept]))
        return rows


def _parse(line: bytes) -> dict | None:
    try:
        entry = json.loads(line)
    except ValueError:  # the line that was being written
        return None
    return entry if isinstance(entry, dict) else None
