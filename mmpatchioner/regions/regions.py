"""The regions of one image that are to be captioned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from .errors import RegionError
from .geometry import boxes_overlap, points_inside
from .parsing import encode_mask, parse_coordinates, parse_masks

MAX_COORDINATE = 1e9
"""Pixels; a larger coordinate is a mistake, and would overflow in fp32."""


def _no_rows(width: int) -> Callable[[], Tensor]:
    return lambda: torch.zeros(0, width, dtype=torch.float64)


@dataclass(frozen=True, eq=False)
class Regions:
    """Regions of one image, of every kind, in original pixels.

    The rows of everything made from it (weights, captions, boxes) come in the order boxes, masks, points, traces, sets,
    image, and within a kind as given. The tensors are shared with the caller and never written to.

    Args:
        boxes: (nb, 4) xyxy.
        masks: (nm, H, W) bool.
        points: (np, 2) x and y.
        traces: nt tensors (L, 2), the points of a mouse trace.
        sets: ns tensors (K, 4) xyxy, boxes that share one caption.
        whole_image: Whether the image as a whole is one of the regions.

    Raises:
        RegionError: If a region is malformed: not finite, a box with x2 < x1 or y2 < y1, an empty mask, trace or set.

    Example:
        >>> regions = Regions.from_inputs(boxes=[[10, 20, 60, 80]], points=[[5, 5]], whole_image=True)
        >>> len(regions), regions.kinds
        (3, ['box', 'point', 'image'])
    """

    boxes: Tensor = field(default_factory=_no_rows(4))
    masks: Tensor = field(default_factory=lambda: torch.zeros(0, 0, 0, dtype=torch.bool))
    points: Tensor = field(default_factory=_no_rows(2))
    traces: tuple[Tensor, ...] = ()
    sets: tuple[Tensor, ...] = ()
    whole_image: bool = False

    def __post_init__(self) -> None:
        _check_boxes(self.boxes, _numbered('boxes'))
        _check_finite(self.points, _numbered('points'))
        if self.masks.ndim != 3 or self.masks.dtype != torch.bool:
            raise RegionError(
                f'masks: expected bool (R, H, W), got {self.masks.dtype} {tuple(self.masks.shape)}; '
                'Regions.from_inputs converts.'
            )
        for i in (~self.masks.any(dim=2).any(dim=1)).nonzero().flatten().tolist():
            raise RegionError(f'masks[{i}]: expected a pixel inside, got an empty mask; drop it.')
        for i, trace in enumerate(self.traces):
            _check_count(trace, f'traces[{i}]', 'point')
            _check_finite(trace, _numbered(f'traces[{i}]'))
        for i, boxes in enumerate(self.sets):
            _check_count(boxes, f'region_sets[{i}]', 'box')
            _check_boxes(boxes, _numbered(f'region_sets[{i}]'))

    @classmethod
    def from_inputs(
        cls,
        boxes: Any = None,
        masks: Any = None,
        points: Any = None,
        traces: Sequence[Any] | None = None,
        region_sets: Sequence[Any] | None = None,
        whole_image: bool = False,
        image_size: tuple[int, int] | None = None,
    ) -> Regions:
        """Read regions as lists, numpy arrays or tensors.

        Args:
            boxes: (R, 4) xyxy, original pixels. Empty is legal, here and in every other field.
            masks: (R, H, W), or a list of (H, W) masks and COCO RLE dicts.
            points: (R, 2) x and y, original pixels.
            traces: One (L, 2) a trace.
            region_sets: One (K, 4) a set.
            whole_image: Whether to add the whole image.
            image_size: (height, width) of the original image; if given, every region is checked against it.

        Returns:
            The regions, on the device of the tensors given (accelerator before CPU).

        Raises:
            RegionError: If a region is malformed or, with ``image_size``, lies outside the image.
        """
        parts: dict[str, Any] = {
            'boxes': parse_coordinates('boxes', [] if boxes is None else boxes, 4),
            'masks': parse_masks('masks', [] if masks is None else masks),
            'points': parse_coordinates('points', [] if points is None else points, 2),
            'traces': tuple(
                parse_coordinates(f'traces[{i}]', trace, 2)
                for i, trace in enumerate([] if traces is None else traces)
            ),
            'sets': tuple(
                parse_coordinates(f'region_sets[{i}]', boxes, 4)
                for i, boxes in enumerate([] if region_sets is None else region_sets)
            ),
        }
        single = (parts['boxes'], parts['masks'], parts['points'])
        devices = [rows.device for rows in (*single, *parts['traces'], *parts['sets'])]
        device = next((d for d in devices if d.type != 'cpu'), torch.device('cpu'))
        regions = cls(**parts, whole_image=bool(whole_image)).to(device)
        if image_size is not None:
            regions.check_inside(image_size)
        return regions

    @property
    def device(self) -> torch.device:
        """Where the tensors are."""
        return self.boxes.device

    @property
    def kinds(self) -> list[str]:
        """Kind of every row: box, mask, point, trace, set or image."""
        counts = {
            'box': len(self.boxes),
            'mask': len(self.masks),
            'point': len(self.points),
            'trace': len(self.traces),
            'set': len(self.sets),
            'image': int(self.whole_image),
        }
        return [kind for kind, count in counts.items() for _ in range(count)]

    def __len__(self) -> int:
        return len(self.kinds)

    def to(self, device: torch.device | str) -> Regions:
        """The same regions on a device."""
        return Regions(
            boxes=self.boxes.to(device),
            masks=self.masks.to(device),
            points=self.points.to(device),
            traces=tuple(trace.to(device) for trace in self.traces),
            sets=tuple(boxes.to(device) for boxes in self.sets),
            whole_image=self.whole_image,
        )

    def check_inside(
        self, image_size: tuple[int, int], window: tuple[float, float, float, float] | None = None
    ) -> None:
        """Check that every region has a part in the image.

        Boxes may reach over the border and traces may leave the image, as long as a part is left inside.

        Args:
            image_size: (height, width) of the original image.
            window: The part of the image that the network sees, xyxy in original pixels; all of it by default. Masks
                are not checked against it.

        Raises:
            RegionError: If a region lies outside, or the masks are not of the image's size.
        """
        height, width = image_size
        if len(self.masks) and tuple(self.masks.shape[1:]) != (height, width):
            raise RegionError(
                f'masks: expected (R, {height}, {width}), the size of the image, got {tuple(self.masks.shape)}; '
                'resize them to the original image with nearest neighbour.'
            )
        image = (0.0, 0.0, float(width), float(height))
        self._check_window(image, f'the image (width {width}, height {height})', OUTSIDE_REMEDY)
        if window is not None and window != image:
            seen = f'the centre crop that the network sees ({_listed(torch.tensor(window))})'
            self._check_window(window, seen, CROP_REMEDY)

    def bounding_boxes(self, image_size: tuple[int, int]) -> Tensor:
        """Smallest box around every region.

        Args:
            image_size: (height, width) of the original image, which is the box of the whole-image row.

        Returns:
            (R, 4) fp32 xyxy, original pixels. Boxes are as given, also where they reach over the border; a point has
            a box without width and height.
        """
        height, width = image_size
        whole = self.boxes.new_tensor([[0, 0, width, height]] * self.whole_image).reshape(-1, 4)
        rows = [
            self.boxes,
            _mask_boxes(self.masks),
            self.points.repeat(1, 2),
            *(torch.cat([t.amin(0), t.amax(0)])[None] for t in self.traces),
            *(torch.cat([b[:, :2].amin(0), b[:, 2:].amax(0)])[None] for b in self.sets),
            whole,
        ]
        return torch.cat(rows).float()

    def to_dicts(self, image_size: tuple[int, int]) -> list[dict[str, Any]]:
        """Describe every region by what JSON can hold.

        Args:
            image_size: (height, width) of the original image.

        Returns:
            One dict a region: ``kind`` and, by kind, ``bbox`` (xyxy), ``mask`` (COCO RLE with its counts as a string),
            ``points`` or ``bboxes``.

        Example:
            >>> Regions.from_inputs(points=[[5, 7]]).to_dicts((10, 10))
            [{'kind': 'point', 'points': [[5.0, 7.0]]}]
        """
        height, width = image_size
        mask_boxes = _mask_boxes(self.masks).tolist()
        entries: list[dict[str, Any]] = [
            {'kind': 'box', 'bbox': box} for box in self.boxes.tolist()
        ]
        entries += [
            {'kind': 'mask', 'bbox': box, 'mask': encode_mask(mask)}
            for box, mask in zip(mask_boxes, self.masks, strict=True)
        ]
        entries += [{'kind': 'point', 'points': [point]} for point in self.points.tolist()]
        entries += [{'kind': 'trace', 'points': trace.tolist()} for trace in self.traces]
        entries += [{'kind': 'set', 'bboxes': boxes.tolist()} for boxes in self.sets]
        if self.whole_image:
            entries.append({'kind': 'image', 'bbox': [0.0, 0.0, float(width), float(height)]})
        return entries

    def _check_window(
        self, window: tuple[float, float, float, float], name: str, remedy: str
    ) -> None:
        def problem(what: str, rows: Tensor) -> Callable[[int], str]:
            return lambda i: f'expected {what} {name}, got {_listed(rows[i])}; {remedy}'

        overlap = 'a box that overlaps'
        outside = ~boxes_overlap(self.boxes, window)
        _refuse(outside, _numbered('boxes'), problem(overlap, self.boxes))
        outside = ~points_inside(self.points, window)
        _refuse(outside, _numbered('points'), problem('a point inside', self.points))
        for i, trace in enumerate(self.traces):
            if not points_inside(trace, window).any():
                raise RegionError(
                    f'traces[{i}]: expected a trace with a point inside {name}, got {len(trace)} points, '
                    f'all outside; {remedy}.'
                )
        for i, boxes in enumerate(self.sets):
            outside = ~boxes_overlap(boxes, window)
            _refuse(outside, _numbered(f'region_sets[{i}]'), problem(overlap, boxes))


OUTSIDE_REMEDY = 'give pixels of the original image, not of a resized one nor 0 to 1, or drop it'
CROP_REMEDY = "use mode='squash', which sees the whole image, or drop it"


def _numbered(name: str) -> Callable[[int], str]:
    return lambda i: f'{name}[{i}]'


def _listed(values: Tensor) -> str:
    return f'[{", ".join(f"{value:g}" for value in values.tolist())}]'


def _refuse(bad: Tensor, name: Callable[[int], str], problem: Callable[[int], str]) -> None:
    """Raise for the first row that is marked as bad, (R,) bool."""
    if bad.any():
        first = int(bad.nonzero()[0])
        raise RegionError(f'{name(first)}: {problem(first)}.')


def _check_count(rows: Tensor, name: str, unit: str) -> None:
    if not len(rows):
        raise RegionError(f'{name}: expected at least one {unit}, got none; drop it.')


def _check_finite(rows: Tensor, name: Callable[[int], str]) -> None:
    _refuse(
        ~(rows.abs() < MAX_COORDINATE).all(dim=1),
        name,
        lambda i: f'expected finite pixel coordinates, got {_listed(rows[i])}; fix or drop it',
    )


def _check_boxes(boxes: Tensor, name: Callable[[int], str]) -> None:
    _check_finite(boxes, name)
    _refuse(
        (boxes[:, :2] > boxes[:, 2:]).any(dim=1),
        name,
        lambda i: (
            f'expected x1 <= x2 and y1 <= y2 in xyxy order, got {_listed(boxes[i])}; '
            'convert a box given as x, y, width, height to x, y, x + width, y + height'
        ),
    )


def _mask_boxes(masks: Tensor) -> Tensor:
    """Tight boxes of non-empty masks, (R, 4) float64 xyxy; the far edge is that of the last pixel."""
    if not len(masks):
        return torch.zeros(0, 4, dtype=torch.float64, device=masks.device)
    sides = []
    for line in (masks.any(dim=1), masks.any(dim=2)):  # (R, W), (R, H)
        line = line.to(torch.uint8)
        sides.append((line.argmax(1), line.shape[1] - line.flip(1).argmax(1)))
    (x1, x2), (y1, y2) = sides
    return torch.stack([x1, y1, x2, y2], dim=1).double()
