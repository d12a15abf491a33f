"""Content of JSON and JSON Lines files, before anything is known of its meaning."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mmpatchioner.datasets.annotations.base import AnnotationError
from mmpatchioner.datasets.readers import open_text

_DECODER = json.JSONDecoder()
_SPACE = ' \t\r\n'


@dataclass(frozen=True)
class Document:
    """The text of a file that holds one JSON value, or one on each line.

    Attributes:
        name: Of the file, for messages.
        text: Its content.
        folder: Where it lies; None for a member of an archive.
    """

    name: str
    text: str
    folder: Path | None = None

    @cached_property
    def first(self) -> Any:
        """The whole object, or the first item of a list or of the lines; None if there is none.

        Raises:
            AnnotationError: if the text is not JSON.
        """
        if not self.is_list and self._is_one_value:
            return self.value
        return next((item for _, item in self.items()), None)

    @property
    def is_list(self) -> bool:
        """Whether the file holds one list."""
        return self.text.startswith('[')

    @cached_property
    def value(self) -> Any:
        """The value of the file.

        Raises:
            AnnotationError: if the text is not one JSON value.
        """
        try:
            return json.loads(self.text)
        except json.JSONDecodeError as error:
            raise self._not_json(error) from error

    def items(self) -> Iterator[tuple[str, Any]]:
        """Items of a list, values of JSON lines, or the one value, without holding all of them at once.

        Yields:
            Where the item stands, for messages, and the item.

        Raises:
            AnnotationError: if the text is not JSON.
        """
        return self._list_items() if self.is_list else self._line_items()

    @cached_property
    def _is_one_value(self) -> bool:
        """Whether JSON that opens on the first line goes on over the lines, or there is only one."""
        end = self.text.find('\n')
        if end < 0 or self._skip(end) == len(self.text):
            return True
        try:
            json.loads(self.text[:end])
        except json.JSONDecodeError:
            return True
        return False

    def _list_items(self) -> Iterator[tuple[str, Any]]:
        position, index = self._skip(1), 0
        while not self.text.startswith(']', position):
            item, position = self._decode(position)
            yield f'{self.name}, item {index}', item
            index += 1
            position = self._skip(position)
            if self.text.startswith(',', position):
                position = self._skip(position + 1)
            elif not self.text.startswith(']', position):
                raise AnnotationError(
                    f'{self.name}: expected a JSON list, it breaks off after item {index}.'
                )

    def _line_items(self) -> Iterator[tuple[str, Any]]:
        position, line, counted = self._skip(0), 1, 0
        while position < len(self.text):
            line += self.text.count('\n', counted, position)
            counted = position
            item, position = self._decode(position)
            yield f'{self.name}, line {line}', item
            position = self._skip(position)

    def _decode(self, position: int) -> tuple[Any, int]:
        try:
            return _DECODER.raw_decode(self.text, position)
        except json.JSONDecodeError as error:
            raise self._not_json(error) from error

    def _not_json(self, error: json.JSONDecodeError) -> AnnotationError:
        return AnnotationError(
            f'{self.name}, line {error.lineno}: expected JSON or JSON Lines, got {error.msg.lower()}; '
            'the file may be cut off.'
        )

    def _skip(self, position: int) -> int:
        """The next position that is not white space."""
        while position < len(self.text) and self.text[position] in _SPACE:
            position += 1
        return position


def load_document(path: str | os.PathLike[str], member: str | None = None) -> Document:
    """Read a file.

    Args:
        path: The file; ``package://NAME/path`` is a file inside an installed Python package.
        member: File to read inside of ``path``, which then is a zip or jar archive.

    Raises:
        FileNotFoundError: if file, package or member is missing.
        AnnotationError: if it is no text, or no archive although a member is asked for.
    """
    try:
        with open_text(os.fspath(path), member) as stream:
            text = stream.read()
    except UnicodeDecodeError as error:
        raise AnnotationError(
            f'{path}: expected a JSON file, got bytes that are no text.'
        ) from error
    except ValueError as error:
        raise AnnotationError(str(error)) from error
    folder = None if member else Path(path).parent
    return Document(member or os.fspath(path), text.lstrip('\ufeff' + _SPACE), folder)
