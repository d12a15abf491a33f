"""What an annotation file has that a careless reader would trip over, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from mmpatchioner.datasets.annotations.base import AnnotatedImage, CaptionedRegion
from mmpatchioner.datasets.annotations.fields import Box


def count_findings(images: Iterable[AnnotatedImage]) -> Counter[str]:
    """Count the peculiar captions, boxes, traces and ids of images; what is not there is not in the result.

    Example:
        >>> region = CaptionedRegion(('',), bbox=(5.0, 5.0, 30.0, 9.0))
        >>> dict(count_findings([AnnotatedImage('7', '7.jpg', (region,), width=20, height=20)]))
        {'empty captions': 1, 'boxes reach over the image': 1}
    """
    counts: Counter[str] = Counter()
    for image in images:
        if not image.image_id.isdecimal():
            counts['ids that are names'] += 1
        if not image.regions:
            counts['images without regions'] += 1
        for region in image.regions:
            _count_region(region, image, counts)
    return +counts  # without the zeros


def _count_region(region: CaptionedRegion, image: AnnotatedImage, counts: Counter[str]) -> None:
    counts['empty captions'] += sum(not caption for caption in region.captions)
    boxes = region.bboxes if region.bbox is None else (region.bbox,)
    if boxes is not None:
        counts['regions without boxes'] += not boxes
        counts['regions with repeated boxes'] += len(set(boxes)) < len(boxes)
        for box in boxes:
            _count_box(box, image, counts)
    if region.points is not None:
        outside = sum(not (0 <= x <= 1 and 0 <= y <= 1) for x, y in region.points)
        counts['points outside the image'] += outside
        counts['traces without a point inside the image'] += outside == len(region.points)


def _count_box(box: Box, image: AnnotatedImage, counts: Counter[str]) -> None:
    x1, y1, x2, y2 = box
    if x2 < x1 or y2 < y1:
        counts['inverted boxes'] += 1
    elif x2 == x1 or y2 == y1:
        counts['boxes without area'] += 1
    if image.width is None or image.height is None:
        return
    if x2 <= 0 or y2 <= 0 or x1 >= image.width or y1 >= image.height:
        counts['boxes outside the image'] += 1
    elif x1 < 0 or y1 < 0 or x2 > image.width or y2 > image.height:
        counts['boxes reach over the image'] += 1
