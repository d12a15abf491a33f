#!/usr/bin/env python
"""Write the captions of listed COCO images: ``coco_karpathy.py coco-test.json captions_karpathy_test.json``.

The official list of Karpathy's test split has images and no captions. These are taken out of COCO 2014's own files,
by default those inside of the Python package pycocoevalcap. The result is a COCO captions file of the listed images, in
the order of the list. Ends with status 2 and one line if a file cannot be used.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from mmpatchioner.datasets.annotations import AnnotatedImage, AnnotationError, read_annotations
from mmpatchioner.datasets.annotations.coco_captions import PACKAGED_CAPTIONS
from mmpatchioner.files import write_atomic

_USAGE_ERROR = 2


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0].split(':')[0])
    parser.add_argument('images', help='JSON file with a list "images", each with id and file_name')
    parser.add_argument('out', help='file to write, .json')
    parser.add_argument(
        '--captions',
        metavar='FILE',
        default=PACKAGED_CAPTIONS,
        help='COCO captions file that has them all (default: those of 2014 inside of %(default)s)',
    )
    return parser.parse_args(argv)


def coco_content(images: Sequence[AnnotatedImage]) -> dict[str, list[dict[str, Any]]]:
    """Images and their captions as COCO has them; captions are numbered from 1."""
    records: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image in images:
        number = int(image.image_id)
        size = {} if image.width is None else {'width': image.width, 'height': image.height}
        records.append({'id': number, 'file_name': image.file_name, **size})
        for caption in image.regions[0].captions:
            annotations.append({'id': len(annotations) + 1, 'image_id': number, 'caption': caption})
    return {'images': records, 'annotations': annotations}


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    try:
        images = read_annotations(
            args.images, 'image', 'coco_captions', captions=args.captions
        ).images
        if strange := [image.image_id for image in images if not image.image_id.isdecimal()]:
            raise AnnotationError(
                f'{args.images}: expected ids of COCO, whole numbers, got {strange[0]!r}'
            )
        content = coco_content(images)
        write_atomic(args.out, json.dumps(content, ensure_ascii=False).encode())
    except (AnnotationError, OSError) as error:
        print(f'coco_karpathy.py: error: {error}', file=sys.stderr)
        return _USAGE_ERROR
    print(f'{args.out}: {len(images):,} images, {len(content["annotations"]):,} captions')
    return 0


if __name__ == '__main__':
    sys.exit(main())
