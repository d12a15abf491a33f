"""Pictures in which a region is seen, for metrics that look at images: annotations drawn in, or the region cut out."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw

_RED = (255, 0, 0)
_LINE_WIDTH = 2
_DOT_RADIUS = 3
_DOT_OPACITY = 122


def with_boxes(picture: Image.Image, boxes: Sequence[Sequence[float]]) -> Image.Image:
    """Draw red rectangles, two pixels wide.

    Args:
        picture: The whole image; left as it is.
        boxes: xyxy, pixels; one for dense captioning, all of a set for region sets.

    Raises:
        ValueError: if a box is no box.
    """
    drawn = picture.convert('RGB')
    draw = ImageDraw.Draw(drawn)
    for box in boxes:
        x1, y1, x2, y2 = _checked(box)
        draw.rectangle((x1, y1, x2, y2), outline=_RED, width=_LINE_WIDTH)
    return drawn


def with_trace(picture: Image.Image, points: Sequence[Sequence[float]]) -> Image.Image:
    """Draw a mouse trace as red dots that let the image through.

    Dots of radius 3 and opacity 122/255 lie at ``int(x * width), int(y * height)``; where they overlap they are not
    darker. Points outside of the image are left out.

    Args:
        picture: The whole image; left as it is.
        points: x and y as shares of width and height.
    """
    layer = Image.new('RGBA', picture.size)
    draw = ImageDraw.Draw(layer)
    width, height = picture.size
    for x, y in points:
        if 0 <= x <= 1 and 0 <= y <= 1:
            column, row = int(x * width), int(y * height)
            dot = (
                column - _DOT_RADIUS,
                row - _DOT_RADIUS,
                column + _DOT_RADIUS,
                row + _DOT_RADIUS,
            )
            draw.ellipse(dot, fill=(*_RED, _DOT_OPACITY))
    return Image.alpha_composite(picture.convert('RGBA'), layer).convert('RGB')


def cut_out(picture: Image.Image, box: Sequence[float]) -> Image.Image:
    """Cut a region out of its image, at least one pixel of it.

    Args:
        picture: The whole image.
        box: xyxy, pixels; rounded, and cut at the border of the image.

    Raises:
        ValueError: if the box is no box.
    """
    x1, y1, x2, y2 = (round(value) for value in _checked(box))
    width, height = picture.size
    left, top = min(max(x1, 0), width - 1), min(max(y1, 0), height - 1)
    right, bottom = max(min(x2, width), left + 1), max(min(y2, height), top + 1)
    return picture.convert('RGB').crop((left, top, right, bottom))


def through_jpeg(picture: Image.Image) -> Image.Image:
    """The picture as it comes back from a JPEG file of Pillow's default quality."""
    buffer = io.BytesIO()
    picture.convert('RGB').save(buffer, format='JPEG')
    return Image.open(buffer).convert('RGB')


def _checked(box: Sequence[float]) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = box
    if not (x1 <= x2 and y1 <= y2):
        raise ValueError(f'box: expected xyxy with x1 <= x2 and y1 <= y2, got {list(box)}.')
    return x1, y1, x2, y2
