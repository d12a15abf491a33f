"""Files of the trace captioning task, as the authors of the benchmark published them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

from mmpatchioner.datasets.localized_narratives.reading import TracePoint
from mmpatchioner.files import replacing


class TraceSample(NamedTuple):
    """A caption and the trace that was drawn while it was spoken."""

    image_id: str
    caption: str
    points: list[TracePoint]


@dataclass(frozen=True)
class WrittenTraces:
    """What a file holds.

    Attributes:
        image_ids: In the order of the file, which is that of their first sample.
        samples: Pairs of caption and trace.
        merged: Samples that became part of another one.
    """

    image_ids: tuple[str, ...]
    samples: int
    merged: int


def write_traces(
    samples: Iterable[TraceSample], path: str | Path, merge: bool = False
) -> WrittenTraces:
    """Write ``{image_id: {"captions": [...], "traces": [[{"x", "y", "t"}, ...], ...]}}``, one image a line.

    The samples of an image need not follow one another: they wait in a temporary file beside the new one, so that the
    memory holds no traces.

    Args:
        samples: What to write.
        path: The file, which is there whole or not at all.
        merge: Samples of an image with the same trace become one, with their different captions as references of it,
            one a line in its text.

    Raises:
        OSError: if the folder can not be written.
    """
    target = Path(path)
    with replacing(target) as scratch, tempfile.TemporaryFile(dir=scratch.parent) as waiting:
        places = _put_aside(samples, waiting)
        written = 0
        with scratch.open('w', encoding='utf-8') as file:
            for index, (image_id, offsets) in enumerate(places.items()):
                pairs = list(_fetch(waiting, offsets))
                pairs = _merged(pairs) if merge else pairs
                captions = json.dumps([caption for caption, _ in pairs], ensure_ascii=False)
                traces = ', '.join(trace for _, trace in pairs)
                file.write(
                    f'{"," if index else "{"}\n{json.dumps(image_id)}: '
                    f'{{"captions": {captions}, "traces": [{traces}]}}'
                )
                written += len(pairs)
            file.write('\n}\n' if places else '{}\n')
    return WrittenTraces(tuple(places), written, sum(map(len, places.values())) - written)


def _put_aside(samples: Iterable[TraceSample], waiting: IO[bytes]) -> dict[str, list[int]]:
    """Write two lines a sample, caption and trace; returns where those of each image start."""
    places: dict[str, list[int]] = {}
    for sample in samples:
        places.setdefault(sample.image_id, []).append(waiting.tell())
        trace = [point._asdict() for point in sample.points]
        waiting.write(f'{json.dumps(sample.caption)}\n{json.dumps(trace)}\n'.encode())
    return places


def _fetch(waiting: IO[bytes], offsets: Iterable[int]) -> Iterator[tuple[str, str]]:
    """Caption, and trace as JSON."""
    for offset in offsets:
        waiting.seek(offset)
        caption, trace = waiting.readline(), waiting.readline()
        yield json.loads(caption), trace.decode().rstrip()


def _merged(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    captions: dict[str, list[str]] = {}
    for caption, trace in pairs:
        captions.setdefault(trace, []).append(caption)
    return [('\n'.join(dict.fromkeys(same)), trace) for trace, same in captions.items()]
