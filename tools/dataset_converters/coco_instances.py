#!/usr/bin/env python
"""Turn the boxes of a COCO instances file to captioned ones: ``coco_instances.py instances.json OUT.jsonl``.

The "caption" of a box is the name of its class. That is enough to see a detector's boxes captioned and matched, and no
benchmark. Crowds are left out. Ends with status 2 and one line if the file cannot be used.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from mmpatchioner.datasets.annotations import AnnotatedImage, AnnotationError, CaptionedRegion
from mmpatchioner.datasets.annotations.boxes import xywh_to_xyxy
from mmpatchioner.datasets.annotations.coco_like import grouped, make_image
from mmpatchioner.datasets.annotations.documents import Document, load_document
from mmpatchioner.datasets.annotations.fields import as_box, as_id, as_list, as_text, take
from mmpatchioner.datasets.annotations.writing import image_entry, write_lines

_USAGE_ERROR = 2


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0].split(':')[0])
    parser.add_argument('instances', help='COCO instances file')
    parser.add_argument('out', help='file to write, .jsonl')
    return parser.parse_args(argv)


def captioned(document: Document) -> Iterator[AnnotatedImage]:
    """The images that have boxes.

    Raises:
        AnnotationError: if the file is no COCO instances file.
    """
    name = document.name
    names = {
        take(category, 'id', as_id, name): take(category, 'name', as_text, name)
        for category in take(document.value, 'categories', as_list, name)
    }
    for where, image, records in grouped(document.value, name):
        regions = []
        for record in records:
            if record.get('iscrowd'):
                continue
            category = take(record, 'category_id', as_id, where)
            if category not in names:
                raise AnnotationError(f'{where}: expected a category of the file, got {category}')
            box = xywh_to_xyxy(take(record, 'bbox', as_box, where))
            regions.append(CaptionedRegion((names[category],), bbox=box))
        if regions:
            yield make_image(image, tuple(regions), where)


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    try:
        images = list(captioned(load_document(args.instances)))
        write_lines(args.out, map(image_entry, images))
    except (AnnotationError, OSError) as error:
        print(f'coco_instances.py: error: {error}', file=sys.stderr)
        return _USAGE_ERROR
    boxes = sum(len(image.regions) for image in images)
    print(f'{args.out}: {boxes:,} boxes on {len(images):,} images, captioned by their classes')
    return 0


if __name__ == '__main__':
    sys.exit(main())
