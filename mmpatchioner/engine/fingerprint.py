"""What the results of an evaluation depend on, as one short text."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmpatchioner.version import __version__

_CHUNK = 1 << 20
_IRRELEVANT = ('num_workers', 'persistent_workers', 'pin_memory', 'prefetch_factor', 'sampler')


def run_fingerprint(cfg: Config, files: Sequence[str | Path | None] = ()) -> str:
    """Hash the model, the data and the weights of an evaluation.

    Args:
        cfg: The config, of which ``model`` and ``test_dataloader`` count, and the content of the files named there.
        files: Further files, e.g. checkpoints; None is passed over.

    Returns:
        16 hexadecimal digits. Folders, such as that of the images, count by their name only.
    """
    parts = {
        'version': __version__,
        'model': cfg.model.to_dict(),
        'data': {k: v for k, v in cfg.test_dataloader.to_dict().items() if k not in _IRRELEVANT},
    }
    named = sorted({text for text in _texts(parts) if _is_file(text)})
    parts['files'] = {name: _digest(Path(name)) for name in named}
    parts['weights'] = [_digest(Path(f)) if _is_file(str(f)) else str(f) for f in files if f]
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _texts(part: Any) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict):
        for value in part.values():
            yield from _texts(value)
    elif isinstance(part, (list, tuple)):
        for value in part:
            yield from _texts(value)


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except (OSError, ValueError):  # too long for a name, or with a null character
        return False


def _digest(path: Path) -> str:
    content = hashlib.sha256()
    with path.open('rb') as file:
        while chunk := file.read(_CHUNK):
            content.update(chunk)
    return content.hexdigest()
