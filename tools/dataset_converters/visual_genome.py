#!/usr/bin/env python
"""Convert Visual Genome for dense captioning: ``visual_genome.py region_descriptions.json OUT.json --split test``.

Beside the file, or named by options, ``image_data.json`` and ``densecap_splits.json`` are needed. The result is what
ControlCap's converter makes, the ground truth of the paper: cleaned phrases, boxes xyxy in pixels, clamped to the image
(not COCO's x, y, width, height). Ends with status 2 and one line if a file cannot be used.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mmpatchioner.datasets.annotations import AnnotatedImage, AnnotationError, read_annotations
from mmpatchioner.files import replacing

_USAGE_ERROR = 2


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0].split(':')[0])
    parser.add_argument('regions', help='region_descriptions.json of version 1.2 (or 1.0)')
    parser.add_argument('out', type=Path, help='file to write, .json')
    parser.add_argument('--split', choices=['train', 'val', 'test'], default='test')
    parser.add_argument(
        '--coco-only', action='store_true', help='keep the photos of COCO only: VG-COCO'
    )
    parser.add_argument('--image-data', help='image_data.json (default: beside the regions)')
    parser.add_argument('--splits', help='densecap_splits.json (default: beside the regions)')
    return parser.parse_args(argv)


def image_records(images: Sequence[AnnotatedImage]) -> Iterator[dict[str, Any]]:
    for image in images:
        yield {
            'id': int(image.image_id),
            'file_name': image.file_name,
            'height': image.height,
            'width': image.width,
        }


def annotation_records(images: Sequence[AnnotatedImage]) -> Iterator[dict[str, Any]]:
    """Annotations, numbered from 1; whole numbers are written as such."""
    number = 0
    for image in images:
        for region in image.regions:
            number += 1
            x1, y1, x2, y2 = (int(v) if v == int(v) else v for v in region.bbox or ())
            yield {
                'id': number,
                'image_id': int(image.image_id),
                'caption': region.captions[0],
                'bbox': [x1, y1, x2, y2],
                'segmentation': [[x1, y1, x1, y2, x2, y2, x2, y1]],
            }


def write_converted(path: Path, images: Sequence[AnnotatedImage], description: str) -> int:
    """Write the file record by record.

    Returns:
        How many annotations it has.
    """
    count = 0
    header = {'description': description, 'bbox': 'x1, y1, x2, y2 in pixels'}
    with replacing(path) as scratch, scratch.open('w', encoding='utf-8') as file:
        file.write(f'{{"dataset": {json.dumps(header)},\n"images": [')
        for index, record in enumerate(image_records(images)):
            file.write((',\n' if index else '\n') + json.dumps(record))
        file.write('],\n"annotations": [')
        for count, record in enumerate(annotation_records(images), start=1):
            file.write((',\n' if count > 1 else '\n') + json.dumps(record, ensure_ascii=False))
        file.write(']}\n')
    return count


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    try:
        annotations = read_annotations(
            args.regions,
            'dense',
            'visual_genome',
            split=args.split,
            vg_coco=args.coco_only,
            image_data=args.image_data,
            splits_file=args.splits,
        )
        name = 'VG-COCO' if args.coco_only else 'Visual Genome'
        count = write_converted(args.out, annotations.images, f'{name}, {args.split}')
    except (AnnotationError, OSError) as error:
        print(f'visual_genome.py: error: {error}', file=sys.stderr)
        return _USAGE_ERROR
    print(f'{args.out}: {len(annotations.images):,} images, {count:,} regions')
    for note, number in annotations.counts.items():
        print(f'  {number:,} {note}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
