"""The files of Localized Narratives: JSON Lines, plain or gzipped, one spoken description an image and annotator."""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any, NamedTuple, cast

from mmpatchioner.datasets.annotations.base import AnnotationError
from mmpatchioner.datasets.annotations.fields import (
    as_id,
    as_list,
    as_object,
    as_text,
    shorten,
    take,
)
from mmpatchioner.datasets.json_lines import read_json_lines

_GZIP_ENDING = '.gz'


class Utterance(NamedTuple):
    """A word or a few, and when they were spoken, in seconds."""

    text: str
    start: float
    end: float


class TracePoint(NamedTuple):
    """Where the pointer was: shares of the image's width and height, from the top left, and seconds."""

    x: float
    y: float
    t: float


@dataclass(frozen=True)
class Narrative:
    """What one annotator said of one image, and where the pointer was meanwhile.

    Attributes:
        dataset_id: Dataset and split of the image, e.g. ``mscoco_val2017``; empty if the file does not tell.
        image_id: As the file has it: of COCO without leading zeros.
        caption: What was said, written down by the annotator.
        utterances: The same from the recording, with times; the words may differ from the caption's.
        points: All segments of the trace, one after the other. Points may lie a little outside of the image.
    """

    dataset_id: str
    image_id: str
    caption: str
    utterances: tuple[Utterance, ...]
    points: tuple[TracePoint, ...]


def read_narratives(
    stream: IO[bytes], name: str, select: Callable[[str, str], bool] | None = None
) -> Iterator[Narrative]:
    """Read narratives one by one; no more than one is held in memory.

    Args:
        stream: The open file.
        name: Its name, for messages; one that ends with ``.gz`` is decompressed.
        select: Given dataset and image, whether to read the narrative; the rest of its line is not looked at otherwise.

    Yields:
        The narratives, in the order of the file.

    Raises:
        AnnotationError: if a line is no narrative.
    """
    compressed = name.endswith(_GZIP_ENDING)
    lines = cast('IO[bytes]', gzip.GzipFile(fileobj=stream)) if compressed else stream
    try:
        for place, entry in read_json_lines(lines, name):
            dataset_id = str(entry.get('dataset_id', ''))
            image_id = take(entry, 'image_id', as_id, place)
            if select is None or select(dataset_id, image_id):
                yield _narrative(entry, dataset_id, image_id, place)
    except AnnotationError:
        raise
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise AnnotationError(f'{name}: expected a whole gzip file, got {error}.') from error
    except ValueError as error:
        raise AnnotationError(str(error)) from error


def _narrative(entry: dict[str, Any], dataset_id: str, image_id: str, place: str) -> Narrative:
    return Narrative(
        dataset_id=dataset_id,
        image_id=image_id,
        caption=take(entry, 'caption', as_text, place),
        utterances=tuple(
            Utterance(
                take(spoken, 'utterance', as_text, where),
                _number(spoken, 'start_time', where),
                _number(spoken, 'end_time', where),
            )
            for where, spoken in _numbered(entry, 'timed_caption', place)
        ),
        points=tuple(
            TracePoint(*(_number(point, key, where) for key in TracePoint._fields))
            for where, segment in _numbered(entry, 'traces', place)
            for point in as_list(segment, where)
        ),
    )


def _numbered(entry: dict[str, Any], key: str, place: str) -> Iterator[tuple[str, Any]]:
    for index, value in enumerate(take(entry, key, as_list, place)):
        yield f'{place}, {key}[{index}]', value


def _number(value: Any, key: str, place: str) -> float:
    """A number of an object; there are thousands of them a line, so that messages are made only if needed."""
    number: Any = as_object(value, place).get(key)
    if type(number) not in (int, float) or not math.isfinite(number):
        raise AnnotationError(
            f'{place}: expected a finite number under {key!r}, got {shorten(value)}.'
        )
    return float(number)
