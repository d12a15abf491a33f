"""Readers of annotation files: every format becomes :class:`Annotations`."""

from mmpatchioner.datasets.annotations.base import (
    TASKS,
    AnnotatedImage,
    AnnotationError,
    Annotations,
    CaptionedRegion,
    Task,
)
from mmpatchioner.datasets.annotations.reading import FORMATS, read_annotations

__all__ = [
    'FORMATS',
    'TASKS',
    'AnnotatedImage',
    'AnnotationError',
    'Annotations',
    'CaptionedRegion',
    'Task',
    'read_annotations',
]
