"""Narratives in the format of the published files, made from text: steady words, and a pointer that moves along."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

SECONDS = 0.4  # a word
POINTS = 4  # a word

CAPTION = (
    'In this image, I can see a group of cows standing and eating the grass. In the background, there are trees. '
    'The image is blurred.'
)


def timed_caption(words: Sequence[str]) -> list[dict[str, Any]]:
    """Utterances of two words, with single ones in between, as in the published files."""
    utterances = []
    position = 0
    while position < len(words):
        size = 1 if position % 3 == 2 else min(2, len(words) - position)
        utterances.append(
            {
                'utterance': ' '.join(words[position : position + size]),
                'start_time': round(position * SECONDS, 4),
                'end_time': round((position + size) * SECONDS - 0.1, 4),
            }
        )
        position += size
    return utterances


def traces(number_of_words: int) -> list[list[dict[str, float]]]:
    """Two segments from left to right; the first and the last point are a little outside of the image."""
    total = number_of_words * POINTS
    points = [
        {
            'x': round(-0.01 + 1.02 * index / max(1, total - 1), 4),
            'y': 0.5,
            't': round(index * SECONDS / POINTS, 4),
        }
        for index in range(total)
    ]
    return [points[: total // 2], points[total // 2 :]]


def record(
    caption: str = CAPTION,
    image_id: str = '137576',
    dataset_id: str = 'mscoco_val2017',
    heard: str | None = None,
) -> dict[str, Any]:
    """One line of a file; ``heard`` is what the recording was understood as, by default the caption."""
    words = (caption if heard is None else heard).split()
    return {
        'dataset_id': dataset_id,
        'image_id': image_id,
        'annotator_id': 93,
        'caption': caption,
        'timed_caption': timed_caption(words),
        'traces': traces(len(words)),
        'voice_recording': f'coco_val/coco_val_{image_id}_93.ogg',
    }


def write(path: Path, records: Iterable[dict[str, Any]]) -> Path:
    path.write_text(''.join(json.dumps(entry) + '\n' for entry in records), encoding='utf-8')
    return path
