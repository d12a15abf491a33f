"""Values of annotation files, checked as they are read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from mmpatchioner.datasets.annotations.base import AnnotationError

Box = tuple[float, float, float, float]
Point = tuple[float, float]

_JSON_NAMES = {dict: 'an object', list: 'a list', str: 'a text', int: 'a whole number'}


def get(entry: Any, key: str, kind: type, where: str) -> Any:
    """A value of an object.

    Args:
        entry: The object.
        key: Name of the value.
        kind: Expected type: ``dict``, ``list``, ``str`` or ``int``.
        where: File and place, for the message.

    Raises:
        AnnotationError: if ``entry`` is no object, lacks the key, or has a value of another type there.
    """
    if not isinstance(entry, Mapping):
        raise AnnotationError(
            f'{where}: expected an object with the key {key!r}, got {shorten(entry)}.'
        )
    if key not in entry:
        raise AnnotationError(f'{where}: expected the key {key!r}, got {sorted(entry)[:8]}.')
    return checked(entry[key], kind, f'{where}, {key!r}')


def checked(value: Any, kind: type, where: str) -> Any:
    """The value itself, if it is of the type.

    Raises:
        AnnotationError: if it is not.
    """
    if not isinstance(value, kind) or isinstance(value, bool):
        raise AnnotationError(f'{where}: expected {_JSON_NAMES[kind]}, got {shorten(value)}.')
    return value


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


def as_texts(value: Any, where: str) -> tuple[str, ...]:
    """A text or a list of texts, stripped.

    Raises:
        AnnotationError: if it is neither.
    """
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise AnnotationError(f'{where}: expected a text or a list of texts, got {shorten(value)}.')
    return tuple(text.strip() for text in texts)


def as_size(entry: Mapping[str, Any], where: str) -> tuple[int | None, int | None]:
    """``width`` and ``height`` of an image, None for both if the file does not tell.

    Raises:
        AnnotationError: if one is missing or no whole number above 0.
    """
    if entry.get('width') is None and entry.get('height') is None:
        return None, None
    width, height = get(entry, 'width', int, where), get(entry, 'height', int, where)
    if width < 1 or height < 1:
        raise AnnotationError(
            f'{where}: expected width and height above 0, got {width} x {height}.'
        )
    return width, height


def shorten(value: Any) -> str:
    """A value for a message, cut to a readable length."""
    text = repr(value)
    return text if len(text) <= 80 else f'{text[:77]}...'


def _numbers(value: Any, count: int, what: str, where: str) -> Sequence[float]:
    fits = isinstance(value, (list, tuple)) and len(value) == count
    if not fits or not all(_is_finite(number) for number in value):
        raise AnnotationError(f'{where}: expected {what}, got {shorten(value)}.')
    return [float(number) for number in value]


def _is_finite(value: Any) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and math.isfinite(value)
