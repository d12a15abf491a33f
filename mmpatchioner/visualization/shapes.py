"""The outline of a region on a picture: boxes, mask, points, trace."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from mmpatchioner.visualization.layout import Rect
from mmpatchioner.visualization.palette import INK, WHITE, Color

_FILL = {'box': 0.10, 'mask': 0.35, 'set': 0.14}
# OpenCV draws at sub-pixel positions given in units of 1 / 2^shift pixel.
_SHIFT = 4


def _no_boxes() -> np.ndarray:
    return np.zeros((0, 4))


def _no_points() -> np.ndarray:
    return np.zeros((0, 2))


@dataclass(frozen=True, eq=False)
class RegionShape:
    """What is drawn of a region; coordinates in pixels of the original image.

    Attributes:
        kind: ``box``, ``mask``, ``point``, ``trace``, ``set`` or ``image``.
        text: The caption.
        boxes: (K, 4) xyxy; one for a box, several for a set, none or one for the others.
        points: (L, 2) xy of a point or trace.
        mask: (H, W) bool of a mask.
    """

    kind: str
    text: str = ''
    boxes: np.ndarray = field(default_factory=_no_boxes)
    points: np.ndarray = field(default_factory=_no_points)
    mask: np.ndarray | None = None

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> RegionShape:
        """Read an entry of ``regions`` in a result file.

        Example:
            >>> shape = RegionShape.from_dict({'kind': 'box', 'bbox': [1, 2, 3, 4], 'caption': 'a cat'})
            >>> shape.text, shape.boxes.tolist()
            ('a cat', [[1.0, 2.0, 3.0, 4.0]])
        """
        boxes = entry.get('bboxes', [entry['bbox']] if 'bbox' in entry else [])
        mask = entry.get('mask')
        return cls(
            kind=entry['kind'],
            text=entry.get('caption', ''),
            boxes=np.asarray(boxes, dtype=np.float64).reshape(-1, 4),
            points=np.asarray(entry.get('points', []), dtype=np.float64).reshape(-1, 2),
            mask=None if mask is None else coco_mask.decode(dict(mask)).astype(bool),
        )

    def __post_init__(self) -> None:
        if self.kind != 'image' and not len(self.boxes) and not len(self.points):
            raise ValueError(
                f'A region of kind {self.kind!r} needs boxes or points to be drawn; it has neither.'
            )

    def anchor(self, scale: float, margin: float) -> Rect:
        """The rectangle a label belongs to, in pixels of a canvas enlarged by ``scale``.

        It is the box, or the largest box of a set, or what encloses the points with a ``margin`` around them.
        """
        if len(self.points):
            left, top = self.points.min(axis=0) * scale - margin
            right, bottom = self.points.max(axis=0) * scale + margin
            return Rect(float(left), float(top), float(right), float(bottom))
        sizes = (self.boxes[:, 2] - self.boxes[:, 0]) * (self.boxes[:, 3] - self.boxes[:, 1])
        return Rect(*(float(side) for side in self.boxes[int(sizes.argmax())] * scale))


def draw_shape(
    canvas: np.ndarray,
    shape: RegionShape,
    color: Color,
    scale: float,
    width: int,
    fill: float = 1.0,
) -> None:
    """Draw a region on a canvas, which is changed in place.

    Args:
        canvas: (H, W, 3) uint8 RGB, the picture enlarged by ``scale``.
        shape: The region.
        color: RGB.
        scale: Canvas pixels per pixel of the original image.
        width: Width of a line in canvas pixels.
        fill: Factor on the opacity of the inside; many shapes on one another want less.
    """
    if shape.kind == 'image':
        return
    if shape.mask is not None:
        _draw_mask(canvas, shape.mask, color, width, fill * _FILL['mask'])
    elif len(shape.points):
        _draw_points(canvas, shape.points * scale, color, width, joined=shape.kind == 'trace')
    else:
        for box in shape.boxes * scale:
            opacity = fill * _FILL.get(shape.kind, _FILL['box'])
            _draw_box(canvas, box, color, width, opacity, dashed=shape.kind == 'set')


def _draw_box(
    canvas: np.ndarray, box: np.ndarray, color: Color, width: int, opacity: float, *, dashed: bool
) -> None:
    height_px, width_px = canvas.shape[:2]
    half = width / 2
    # A side on the border of the picture is drawn inside it; one beyond the border stays invisible, as it should.
    left, right = (_to_border(value, width_px, half) for value in box[::2])
    top, bottom = (_to_border(value, height_px, half) for value in box[1::2])
    rows = slice(max(int(top), 0), max(int(np.ceil(bottom)), 0))
    columns = slice(max(int(left), 0), max(int(np.ceil(right)), 0))
    # The larger a box, the fainter its inside: one around everything would colour the whole picture.
    share = canvas[rows, columns].size / canvas.size
    _tint(canvas, color, opacity * (1 - share), (rows, columns))
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom], [left, top]])
    if dashed:
        for start, end in itertools.pairwise(corners):
            _dashed_line(canvas, start, end, color, width)
    else:
        _lines(canvas, corners, INK, width + 2, opacity=0.45)
        _lines(canvas, corners, color, width)


def _to_border(value: float, size: int, half: float) -> float:
    if -1.0 <= value < half:
        return half
    if size - half < value <= size + 1.0:
        return size - 1 - half
    # Far away is as good as at infinity, and does not overflow OpenCV's integers.
    return float(min(max(value, -size), 2 * size))


def _draw_mask(
    canvas: np.ndarray, mask: np.ndarray, color: Color, width: int, opacity: float
) -> None:
    height_px, width_px = canvas.shape[:2]
    # Enlarged as a smooth field and cut at one half, a mask keeps round edges instead of steps.
    field_ = cv2.resize(
        mask.astype(np.float32), (width_px, height_px), interpolation=cv2.INTER_LINEAR
    )
    inside = field_ > 0.5 if field_.max() > 0.5 else field_ > 0
    _tint(canvas, color, opacity, inside)
    contours, _ = cv2.findContours(inside.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    for contour in contours:
        closed = np.concatenate([contour[:, 0], contour[:1, 0]]).astype(np.float64)
        _lines(canvas, closed, INK, width + 2, opacity=0.45)
        _lines(canvas, closed, color, width)


def _draw_points(
    canvas: np.ndarray, points: np.ndarray, color: Color, width: int, *, joined: bool
) -> None:
    if joined and len(points) > 1:
        _lines(canvas, points, WHITE, width + 3, opacity=0.8)
        _lines(canvas, points, color, width + 1)
        _arrow_head(canvas, points, color, width)
    marked = points[:1] if joined else points
    for point in marked:
        for radius, shade in ((2.6 * width + 2, WHITE), (2.6 * width, color), (1.1 * width, WHITE)):
            _disc(canvas, point, radius, shade)


def _arrow_head(canvas: np.ndarray, points: np.ndarray, color: Color, width: int) -> None:
    """Mark the end of a trace, in the direction of its last part."""
    tip = points[-1]
    far = np.linalg.norm(points - tip, axis=1) > 3 * width
    if not far.any():
        return
    direction = tip - points[np.flatnonzero(far)[-1]]
    direction = direction / np.linalg.norm(direction)
    normal = np.array([-direction[1], direction[0]])
    back = tip - 5 * width * direction
    corners = [
        tip + 2 * width * direction,
        back + 3.2 * width * normal,
        back - 3.2 * width * normal,
    ]
    triangle = np.rint(np.array(corners) * 2**_SHIFT).astype(np.int32)
    cv2.fillPoly(canvas, [triangle], color, cv2.LINE_AA, _SHIFT)
    _lines(canvas, np.array([*corners, corners[0]]), WHITE, 1)


def _dashed_line(
    canvas: np.ndarray, start: np.ndarray, end: np.ndarray, color: Color, width: int
) -> None:
    length = float(np.linalg.norm(end - start))
    dashes = max(int(length / (7 * width)), 1)
    for step in range(dashes):
        first, last = (start + (end - start) * (step + part) / dashes for part in (0.0, 0.62))
        _lines(canvas, np.array([first, last]), INK, width + 2, opacity=0.45)
        _lines(canvas, np.array([first, last]), color, width)


def _lines(
    canvas: np.ndarray, points: np.ndarray, color: Color, width: int, opacity: float = 1.0
) -> None:
    path = np.rint(points * 2**_SHIFT).astype(np.int32).reshape(-1, 1, 2)
    if opacity == 1.0:
        cv2.polylines(canvas, [path], False, color, width, cv2.LINE_AA, _SHIFT)
        return
    margin = width + 2
    left, top = np.maximum(np.floor(points.min(axis=0)).astype(int) - margin, 0)
    right, bottom = np.maximum(np.ceil(points.max(axis=0)).astype(int) + margin, 0)
    part = canvas[top:bottom, left:right]
    if part.size:
        stroke = part.copy()
        offset = np.array([left, top]) * 2**_SHIFT
        cv2.polylines(
            stroke, [path - offset.astype(np.int32)], False, color, width, cv2.LINE_AA, _SHIFT
        )
        cv2.addWeighted(stroke, opacity, part, 1 - opacity, 0, dst=stroke)
        part[...] = stroke


def _disc(canvas: np.ndarray, center: np.ndarray, radius: float, color: Color) -> None:
    x, y = (round(float(value) * 2**_SHIFT) for value in center)
    cv2.circle(canvas, (x, y), round(radius * 2**_SHIFT), color, -1, cv2.LINE_AA, _SHIFT)


def _tint(canvas: np.ndarray, color: Color, opacity: float, where: Any) -> None:
    """Mix a colour into a part of the canvas."""
    part = canvas[where]
    if part.size:
        canvas[where] = np.rint(part * (1 - opacity) + np.array(color) * opacity).astype(np.uint8)
