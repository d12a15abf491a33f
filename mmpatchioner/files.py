"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Write a file by way of a temporary one in the same folder, which is made if it is missing.

    A reader sees the old file or the new one; after a failure the old one stands and no temporary file is left. The new
    file has the permissions that the process's umask grants.

    Args:
        path: The file to write or replace.

    Yields:
        The temporary file, to be written by the caller; it takes its place when the block ends without an error.

    Raises:
        OSError: if the folder can not be written.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_name(f'.{target.name}.{uuid.uuid4().hex}')
    try:
        yield scratch
        scratch.chmod(0o666 & ~_umask())  # some libraries make files that only their owner can read
        scratch.replace(target)
    finally:
        scratch.unlink(missing_ok=True)


def write_atomic(path: str | os.PathLike[str], data: bytes | memoryview) -> None:
    """Write bytes to a file, whole or not at all, and on the disk when this returns; see :func:`replacing`."""
    with replacing(path) as scratch, scratch.open('wb') as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _umask() -> int:
    """The process's umask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
