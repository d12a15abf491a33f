"""Values of annotation files, checked as they are read."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from mmpatchioner.datasets.annotations.base import AnnotationError

Box = tuple[float, float, float, float]
Point = tuple[float, float]

Value = TypeVar('Value')


def take(entry: Any, key: str, read: Callable[[Any, str], Value], where: str) -> Value:
    """A value of an object.

    Args:
        entry: The object.
        key: Name of the value.
        read: One of the functions below, which checks it.
        where: File and place, for the message.

    Raises:
        AnnotationError: if ``entry`` is no object, lacks the key, or has something else there.

    Example:
        >>> take({'bbox': [0, 0, 9]}, 'bbox', as_box, 'test.json, item 3')
        Traceback (most recent call last):
            ...
        mmpatchioner.datasets.annotations.base.AnnotationError: test.json, item 3, 'bbox': expected a box of four
        numbers, got [0, 0, 9].
    """
    content = as_object(entry, where)
    if key not in content:
        raise AnnotationError(f'{where}: expected the key {key!r}, got {names(content)}.')
    return read(content[key], f'{where}, {key!r}')


def as_object(value: Any, where: str) -> dict[str, Any]:
    """An object of JSON.

    Raises:
        AnnotationError: if it is something else.
    """
    if not isinstance(value, dict):
        raise AnnotationError(f'{where}: expected an object, got {shorten(value)}.')
    return value


def as_list(value: Any, where: str) -> list[Any]:
    """A list.

    Raises:
        AnnotationError: if it is something else.
    """
    if not isinstance(value, list):
        raise AnnotationError(f'{where}: expected a list, got {shorten(value)}.')
    return value


def as_text(value: Any, where: str) -> str:
    """A text, stripped.

    Raises:
        AnnotationError: if it is something else.
    """
    if not isinstance(value, str):
        raise AnnotationError(f'{where}: expected a text, got {shorten(value)}.')
    return value.strip()


def as_texts(value: Any, where: str) -> tuple[str, ...]:
    """A text or a list of texts, stripped.

    Raises:
        AnnotationError: if it is neither.
    """
    texts = value if isinstance(value, list) else [value]
    return tuple(as_text(text, where) for text in texts)


def as_id(value: Any, where: str) -> str:
    """An image's id as text: JSON has them as numbers and as texts.

    Raises:
        AnnotationError: if it is neither a whole number nor a text.

    Example:
        >>> as_id(391895, 'test.json'), as_id('000000391895', 'test.json')
        ('391895', '000000391895')
    """
    if isinstance(value, bool) or not isinstance(value, (int, str)) or value == '':
        raise AnnotationError(
            f"{where}: expected an image's id, a whole number or a text, got {shorten(value)}."
        )
    return str(value)


def as_number(value: Any, where: str) -> float:
    """A finite number.

    Raises:
        AnnotationError: if it is something else.
    """
    if not _is_finite(value):
        raise AnnotationError(f'{where}: expected a finite number, got {shorten(value)}.')
    return float(value)


def as_box(value: Any, where: str) -> Box:
    """Four finite numbers.

    Raises:
        AnnotationError: if there are more, fewer or others.
    """
    first, second, third, fourth = _numbers(value, 4, 'a box of four numbers', where)
    return first, second, third, fourth


def as_point(value: Any, where: str) -> Point:
    """Two finite numbers, of ``[x, y]`` or ``{"x": ..., "y": ...}``, which may have a time ``t`` too.

    Raises:
        AnnotationError: if they are missing.
    """
    if isinstance(value, Mapping):
        value = [value.get('x'), value.get('y')]
    x, y = _numbers(value, 2, 'a point [x, y] or {"x", "y"}', where)
    return x, y


def as_size(entry: Mapping[str, Any], where: str) -> tuple[int | None, int | None]:
    """``width`` and ``height`` of an image, None for both if the file does not tell.

    Raises:
        AnnotationError: if one is missing or no whole number above 0.
    """
    if entry.get('width') is None and entry.get('height') is None:
        return None, None
    return take(entry, 'width', _as_pixels, where), take(entry, 'height', _as_pixels, where)


def shorten(value: Any) -> str:
    """A value for a message, cut to a readable length."""
    text = repr(value)
    return text if len(text) <= 80 else f'{text[:77]}...'


def names(entry: Mapping[str, Any]) -> str:
    """Keys of an object for a message, at most eight."""
    keys = ', '.join(map(repr, list(entry)[:8]))
    return f'{keys}, ...' if len(entry) > 8 else keys or 'none'


def _as_pixels(value: Any, where: str) -> int:
    if not _is_finite(value) or value != int(value) or value < 1:
        raise AnnotationError(
            f'{where}: expected a whole number of pixels above 0, got {shorten(value)}.'
        )
    return int(value)


def _numbers(value: Any, count: int, what: str, where: str) -> Sequence[float]:
    fits = isinstance(value, (list, tuple)) and len(value) == count
    if not fits or not all(_is_finite(number) for number in value):
        raise AnnotationError(f'{where}: expected {what}, got {shorten(value)}.')
    return [float(number) for number in value]


def _is_finite(value: Any) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and math.isfinite(value)
