"""Reading of annotation files, whatever their format."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from mmpatchioner.datasets.annotations.base import (
    TASKS,
    AnnotatedImage,
    AnnotationError,
    Annotations,
    Task,
)
from mmpatchioner.datasets.annotations.documents import Document, load_document
from mmpatchioner.datasets.annotations.jsonl import is_jsonl, read_jsonl
from mmpatchioner.datasets.annotations.simple import is_simple, read_simple

_Path = str | os.PathLike[str]
_Parsed = tuple[list[AnnotatedImage], Counter[str]]


@dataclass(frozen=True)
class _Format:
    matches: Callable[[Document], bool]
    read: Callable[..., _Parsed]
    tasks: tuple[str, ...]


# In the order in which they are tried.
_FORMATS: dict[str, _Format] = {
    'jsonl': _Format(is_jsonl, read_jsonl, TASKS),
    'simple': _Format(is_simple, read_simple, TASKS),
}
FORMATS: tuple[str, ...] = tuple(_FORMATS)


def read_annotations(
    path: _Path | Sequence[_Path],
    task: Task,
    file_format: str = 'auto',
    *,
    member: str | None = None,
    **options: Any,
) -> Annotations:
    """Read a file of captioned regions or images."""
    document = load_document(cast(_Path, path), member)
    name = file_format if file_format != 'auto' else _detect(document)
    chosen = _FORMATS[name]
    images, counts = chosen.read(document, task, **options)
    return Annotations(task, name, tuple(images), counts)


def _detect(document: Document) -> str:
    for name, candidate in _FORMATS.items():
        if candidate.matches(document):
            return name
    raise AnnotationError(f'{document.name}: unknown format; known ones are {", ".join(FORMATS)}.')
