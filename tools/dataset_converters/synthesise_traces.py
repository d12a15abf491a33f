#!/usr/bin/env python
"""Make traces along boxes: ``synthesise_traces.py BOXES OUT.jsonl [--images FOLDER]``.

Nobody drew these traces: each is a zig-zag within an annotated box and keeps the captions of that box. They serve to
see that trace captioning runs, not to compare with figures of real traces. BOXES is any file of captioned boxes
(docs/datasets.md). The same boxes give the same traces. Ends with status 2 and one line if a file cannot be used.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
from PIL import Image, UnidentifiedImageError

from mmpatchioner.datasets.annotations import (
    AnnotatedImage,
    AnnotationError,
    CaptionedRegion,
    read_annotations,
)
from mmpatchioner.datasets.annotations.writing import image_entry, write_lines
from mmpatchioner.datasets.image_files import ImageFolder

_USAGE_ERROR = 2
_DIGITS = 5


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0].split(':')[0])
    parser.add_argument('boxes', help='annotation file of boxes')
    parser.add_argument('out', help='file to write, .jsonl')
    parser.add_argument(
        '--images', help='folder of the images, whose sizes are read where the file lacks them'
    )
    parser.add_argument(
        '--strokes', type=int, default=5, help='of a zig-zag (default: %(default)s)'
    )
    parser.add_argument('--points', type=int, default=12, help='of a stroke (default: %(default)s)')
    args = parser.parse_args(argv)
    if args.strokes < 1 or args.points < 1:
        parser.error('--strokes and --points: expected 1 or more')
    return args


def zigzag(box: tuple[float, float, float, float], strokes: int, points: int) -> np.ndarray:
    """A line from the top to the bottom of a box that runs to and fro.

    Returns:
        (strokes * points, 2) x and y, evenly spread over the box.

    Example:
        >>> zigzag((0, 0, 4, 4), strokes=2, points=2).tolist()
        [[1.0, 1.0], [3.0, 1.0], [3.0, 3.0], [1.0, 3.0]]
    """
    left, top, right, bottom = box
    x = left + (np.arange(points) + 0.5) * (right - left) / points
    y = top + (np.arange(strokes) + 0.5) * (bottom - top) / strokes
    rows = np.stack(np.meshgrid(x, y), axis=-1)
    rows[1::2] = rows[1::2, ::-1].copy()
    return rows.reshape(-1, 2)


def image_size(image: AnnotatedImage, folder: ImageFolder | None) -> tuple[int, int]:
    """Width and height.

    Raises:
        AnnotationError: if neither the file nor the image tells them.
    """
    if image.width is not None and image.height is not None:
        return image.width, image.height
    path = folder.find(image.file_name) if folder else None
    if path is None:
        raise AnnotationError(
            f'{image.file_name}: its size is not known; name the folder of the images with --images'
            + (f', it is not in {folder.path}' if folder else '')
        )
    with Image.open(path) as picture:
        return picture.size


def with_traces(
    image: AnnotatedImage, size: tuple[int, int], strokes: int, points: int
) -> AnnotatedImage:
    """The image with a trace in place of each box that has a part in it."""
    regions = []
    for region in image.regions:
        left, top, right, bottom = np.clip(region.bbox, 0, [*size, *size]).tolist()
        if left < right and top < bottom:
            trace = zigzag((left, top, right, bottom), strokes, points) / size
            rows = tuple((x, y) for x, y in trace.round(_DIGITS).tolist())
            regions.append(CaptionedRegion(region.captions, points=rows))
    return AnnotatedImage(image.image_id, image.file_name, tuple(regions), *size)


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    try:
        boxes = read_annotations(args.boxes, 'dense')
        folder = ImageFolder(args.images) if args.images else None
        images = [
            with_traces(image, image_size(image, folder), args.strokes, args.points)
            for image in boxes.images
        ]
        write_lines(args.out, map(image_entry, images))
    except (AnnotationError, OSError, UnidentifiedImageError) as error:
        print(f'synthesise_traces.py: error: {error}', file=sys.stderr)
        return _USAGE_ERROR
    traces = sum(len(image.regions) for image in images)
    empty = sum(len(image.regions) for image in boxes.images) - traces
    print(f'{args.out}: {traces:,} synthesised traces on {len(images):,} images')
    if empty:
        print(f'left out, boxes without an area in the image: {empty:,}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
