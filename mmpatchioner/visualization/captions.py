"""Drawing of regions with their captions on a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from mmpatchioner.visualization.fonts import Font
from mmpatchioner.visualization.labels import (
    Chip,
    LegendEntry,
    badge_size,
    chip_options,
    clear_corner,
    draw_badge,
    draw_chip,
    legend_panel,
)
from mmpatchioner.visualization.layout import Label, Placement, Rect, place_labels
from mmpatchioner.visualization.palette import PAPER, region_color
from mmpatchioner.visualization.shapes import RegionShape, draw_shape

_MIN_SIDE = 640
_MIN_FONT = 13
_FONT_SHARE = 0.026
_PORTRAIT = 1.15
# More regions than these share the tint, so that the picture stays visible under all of them.
_FULL_FILL = 8


def draw_captions(
    image: np.ndarray,
    shapes: Sequence[RegionShape],
    *,
    min_side: int = _MIN_SIDE,
    font_path: str | Path | None = None,
) -> np.ndarray:
    """Draw regions and their captions.

    Captions stand on coloured labels beside their regions. If they do not all find a place without overlap, regions
    get numbers and the captions a legend below or, for a portrait picture, to the right. The caption of the whole
    image always stands below. The result may therefore be larger than the picture.

    Args:
        image: (H, W, 3) uint8, RGB.
        shapes: What to draw, in pixels of ``image``; colours follow the order.
        min_side: A picture whose longer side is smaller is enlarged to it, for legibility. Pixels.
        font_path: A font to use first; characters it lacks are taken from others.

    Returns:
        (H', W', 3) uint8, RGB.

    Raises:
        ValueError: if ``image`` is of another shape or type, or ``font_path`` is no font.

    Example:
        >>> shape = RegionShape('box', 'a cat', boxes=np.array([[10.0, 10.0, 50.0, 40.0]]))
        >>> draw_captions(np.zeros((64, 64, 3), np.uint8), [shape]).shape
        (640, 640, 3)
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise ValueError(
            f'image: expected (H, W, 3) uint8 in RGB order, got {image.shape} {image.dtype}.'
        )
    height, width = image.shape[:2]
    scale = max(1.0, min_side / max(height, width))
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    enlarged = Image.fromarray(np.ascontiguousarray(image)).resize(size, Image.Resampling.LANCZOS)
    pixels = np.array(enlarged)
    line = max(2, round(max(size) / 400))
    _draw_shapes(pixels, shapes, scale, line)
    picture = Image.fromarray(pixels)
    font = Font(max(_MIN_FONT, round(_FONT_SHARE * math.sqrt(size[0] * size[1]))), font_path)

    local = [i for i, shape in enumerate(shapes) if shape.kind != 'image' and shape.text]
    anchors = [shapes[i].anchor(scale, margin=4.0 * line) for i in local]
    options = [
        _chip_options(shapes[i].text, anchor, font, size)
        for i, anchor in zip(local, anchors, strict=True)
    ]
    placements = _place_chips(anchors, options, size)
    numbered = placements is None
    if placements is None:
        _draw_badges(picture, local, anchors, font)
    else:
        for i, chips, placement in zip(local, options, placements, strict=True):
            draw_chip(
                picture, chips[placement.size_index], placement.rect[:2], font, region_color(i)
            )
    listed = [
        i for i, shape in enumerate(shapes) if shape.text and (numbered or shape.kind == 'image')
    ]
    if not listed:
        return np.array(picture)
    entries = [
        LegendEntry(i + 1 if numbered else None, region_color(i), shapes[i].text) for i in listed
    ]
    return np.array(
        _with_legend(picture, entries, font, beside=numbered and size[1] > _PORTRAIT * size[0])
    )


def _draw_shapes(
    canvas: np.ndarray, shapes: Sequence[RegionShape], scale: float, line: int
) -> None:
    """Draw the large ones first, so that they do not hide the small ones."""
    fill = min(1.0, _FULL_FILL / max(len(shapes), 1))
    areas = [0.0 if s.kind == 'image' else s.anchor(scale, 0.0).area for s in shapes]
    for index in sorted(range(len(shapes)), key=lambda i: -areas[i]):
        draw_shape(canvas, shapes[index], region_color(index), scale, line, fill)


def _chip_options(text: str, anchor: Rect, font: Font, size: tuple[int, int]) -> list[Chip]:
    widths = [0.5 * size[0], anchor.width, 16 * font.size, 11 * font.size]
    limit = 0.8 * size[0]
    return chip_options(text, font, [min(max(width, 6 * font.size), limit) for width in widths])


def _place_chips(
    anchors: Sequence[Rect], options: Sequence[Sequence[Chip]], size: tuple[int, int]
) -> list[Placement] | None:
    """Places for all chips, or ``None`` if one of them finds no place or would be cut short."""
    if any(chips[0].lines[-1].endswith('…') for chips in options):
        return None
    labels = [
        Label(anchor, tuple(chip.size for chip in chips if not chip.lines[-1].endswith('…')))
        for anchor, chips in zip(anchors, options, strict=True)
    ]
    placed = [p for p in place_labels(labels, Rect(0, 0, *size)) if p is not None]
    return placed if len(placed) == len(labels) else None


def _draw_badges(
    picture: Image.Image, indices: Sequence[int], anchors: Sequence[Rect], font: Font
) -> None:
    canvas = Rect(0, 0, picture.width, picture.height)
    sizes = [badge_size(i + 1, font) for i in indices]
    labels = [Label(anchor, (size,)) for anchor, size in zip(anchors, sizes, strict=True)]
    places = place_labels(labels, canvas)
    for i, label, place in zip(indices, labels, places, strict=True):
        corner = place.rect[:2] if place else clear_corner(label.anchor, label.sizes[0], canvas)
        draw_badge(picture, i + 1, corner, font, region_color(i))


def _with_legend(
    picture: Image.Image, entries: Sequence[LegendEntry], font: Font, *, beside: bool
) -> Image.Image:
    if beside:
        panel = legend_panel(entries, max(20 * font.size, round(0.6 * picture.width)), font)
        whole = Image.new(
            'RGB', (picture.width + panel.width, max(picture.height, panel.height)), PAPER
        )
        whole.paste(picture, (0, 0))
        whole.paste(panel, (picture.width, 0))
        return whole
    width = max(picture.width, 20 * font.size)
    panel = legend_panel(entries, width, font)
    whole = Image.new('RGB', (width, picture.height + panel.height), PAPER)
    whole.paste(picture, ((width - picture.width) // 2, 0))
    whole.paste(panel, (0, picture.height))
    return whole
