#!/usr/bin/env python
"""Join the boxes of each image to one region set: ``join_boxes.py BOXES CAPTIONS OUT.jsonl``.

BOXES is any file of captioned boxes, CAPTIONS any file of captions of whole images (docs/datasets.md); the captions of
an image become those of its set. Ends with status 2 and one line if a file cannot be used.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from mmpatchioner.datasets.annotations import (
    AnnotatedImage,
    AnnotationError,
    Annotations,
    CaptionedRegion,
    read_annotations,
)
from mmpatchioner.datasets.annotations.writing import image_entry, write_lines

_USAGE_ERROR = 2


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0].split(':')[0])
    parser.add_argument('boxes', help='annotation file of boxes')
    parser.add_argument(
        'captions', help='annotation file of whole images, of which some have boxes'
    )
    parser.add_argument('out', help='file to write, .jsonl')
    return parser.parse_args(argv)


def joined(boxes: Annotations, captions: Annotations) -> Iterator[AnnotatedImage]:
    """The images that have both, in the order of the boxes, with one set each."""
    texts = {image.image_id: image.regions[0].captions for image in captions.images}
    for image in boxes.images:
        rows = tuple(region.bbox for region in image.regions if region.bbox is not None)
        if rows and image.image_id in texts:
            regions = (CaptionedRegion(texts[image.image_id], bboxes=rows),)
            yield AnnotatedImage(
                image.image_id, image.file_name, regions, image.width, image.height
            )


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    try:
        boxes = read_annotations(args.boxes, 'dense')
        captions = read_annotations(args.captions, 'image')
        images = list(joined(boxes, captions))
        if not images:
            raise AnnotationError(
                f'{args.boxes} and {args.captions}: no image has boxes in the one and captions in the other'
            )
        write_lines(args.out, map(image_entry, images))
    except (AnnotationError, OSError) as error:
        print(f'join_boxes.py: error: {error}', file=sys.stderr)
        return _USAGE_ERROR
    left_out = len(boxes.images) - len(images)
    print(f'{args.out}: {len(images):,} sets; left out, without boxes or captions: {left_out:,}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
