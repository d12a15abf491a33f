"""JSON Lines: one object a line, in files that may be larger than the memory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any


def parse_json(text: str | bytes, place: str) -> Any:
    """Parse JSON.

    Args:
        text: The text; bytes are UTF-8.
        place: Where it stands, for the message, e.g. a file name.

    Raises:
        ValueError: if it is no JSON.
    """
    try:
        return json.loads(text)
    except ValueError as error:  # also of bytes that are no UTF-8
        raise ValueError(f'{place}: expected JSON, got {error}.') from error


def read_json_lines(
    lines: Iterable[str | bytes], name: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Parse line after line; empty lines are passed over.

    Args:
        lines: The lines, e.g. an open file.
        name: Name of the file, for messages.

    Yields:
        Place (file and line, for messages) and object.

    Raises:
        ValueError: if a line is no JSON object.

    Example:
        >>> list(read_json_lines(['{"a": 1}', '', '{}'], 'a.jsonl'))
        [('a.jsonl, line 1', {'a': 1}), ('a.jsonl, line 3', {})]
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        place = f'{name}, line {number}'
        value = parse_json(line, place)
        if not isinstance(value, dict):
            raise ValueError(f'{place}: expected a JSON object, got {type(value).__name__}.')
        yield place, value
