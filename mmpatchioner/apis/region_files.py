"""Regions written as text, in JSON files and as pictures of masks."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from mmpatchioner.apis.errors import InputError

_GROUPED = ('traces', 'region_sets')


def parse_regions(kind: str, text: str) -> list[Any]:
    """Read regions from a line of text.

    Args:
        kind: ``boxes``, ``points``, ``traces`` or ``region_sets``.
        text: Regions with semicolons between them. A box is ``x1,y1,x2,y2`` and a point ``x,y``; a trace is several
            points and a set several boxes, with spaces between them.

    Returns:
        Nested lists as ``Regions.from_inputs`` reads them; no region for an empty text.

    Raises:
        InputError: if something is not a number.

    Example:
        >>> parse_regions('boxes', '0,0,5,5; 2,3,9,9')
        [[0.0, 0.0, 5.0, 5.0], [2.0, 3.0, 9.0, 9.0]]
        >>> parse_regions('traces', '0,0 4,5')
        [[[0.0, 0.0], [4.0, 5.0]]]
    """
    regions: list[Any] = []
    for part in filter(str.strip, text.split(';')):
        try:
            if kind in _GROUPED:
                groups = re.sub(r'\s*,\s*', ',', part).split()
                regions.append([_numbers(group) for group in groups])
            else:
                regions.append(_numbers(part))
        except ValueError as error:
            raise InputError(
                f'{kind}: expected numbers and commas, got {part.strip()!r}.'
            ) from error
    return regions


def read_region_file(kind: str, path: Path, images: Sequence[str]) -> list[Any]:
    """Read the regions of several images from a JSON file.

    Args:
        kind: How errors call them.
        path: A JSON list, which holds for every image, or an object of such lists by image: its path as given, its
            file name, or that without suffix.
        images: Paths of the images.

    Returns:
        One entry for each image; ``None`` for one that the object does not name.

    Raises:
        InputError: if the file can not be read, holds something else, or names none of the images.
    """
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise InputError(f'{kind}: {path} is not a readable JSON file ({error}).') from error
    if isinstance(content, list):
        return [content] * len(images)
    if not isinstance(content, dict):
        raise InputError(
            f'{kind}: expected a list or an object in {path}, got {type(content).__name__}.'
        )
    keys = [(image, Path(image).name, Path(image).stem) for image in images]
    entries = [next((content[name] for name in names if name in content), None) for names in keys]
    if all(entry is None for entry in entries):
        named = ', '.join(list(content)[:3]) or 'none'
        raise InputError(
            f'{kind}: {path} names none of the images; it has {named}, and {keys[0][1]} was looked for.'
        )
    return entries


def read_mask(path: Path) -> list[np.ndarray]:
    """Read masks from a picture.

    Args:
        path: In a palette picture each index but 0 is one mask; in any other the brighter half of the range of
            values is the one mask.

    Returns:
        (H, W) bool each.

    Raises:
        InputError: if the picture can not be read.
    """
    try:
        with Image.open(path) as file:
            picture = ImageOps.exif_transpose(file)
            if picture.mode == 'P':
                indices = np.asarray(picture)
                return [indices == index for index in np.unique(indices) if index]
            values = np.asarray(picture if picture.mode.startswith('I') else picture.convert('L'))
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f'masks: {path} is not a readable picture ({error}).') from error
    return [values > values.max() / 2]


def _numbers(text: str) -> list[float]:
    return [float(number) for number in text.split(',')]
