"""The regions of one image that are to be captioned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from . import checks
from .geometry import Window
from .parsing import encode_mask, parse_coordinates, parse_groups, parse_masks


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
        for name, rows in (('boxes', self.boxes), ('points', self.points)):
            object.__setattr__(self, name, rows.to(torch.float64))
        for name, groups in (('traces', self.traces), ('sets', self.sets)):
            object.__setattr__(self, name, tuple(rows.to(torch.float64) for rows in groups))

        checks.check_shape(self.boxes, 'boxes', 4)
        checks.check_boxes(self.boxes, checks.numbered('boxes'))
        checks.check_masks(self.masks)
        checks.check_shape(self.points, 'points', 2)
        checks.check_finite(self.points, checks.numbered('points'))
        checks.check_groups(self.traces, 'traces', 2, 'point')
        checks.check_groups(self.sets, 'region_sets', 4, 'box')
        points, owners = checks.concatenate(self.traces, self.points)
        checks.check_finite(points, checks.numbered_in_groups('traces', owners))
        boxes, owners = checks.concatenate(self.sets, self.boxes)
        checks.check_boxes(boxes, checks.numbered_in_groups('region_sets', owners))

    @classmethod
    def from_inputs(
        cls,
        boxes: Any = None,
        masks: Any = None,
        points: Any = None,
        traces: Any = None,
        region_sets: Any = None,
        whole_image: bool = False,
        image_size: tuple[int, int] | None = None,
    ) -> Regions:
        """Read regions as lists, numpy arrays or tensors.

        Args:
            boxes: (R, 4) xyxy, original pixels. None and empty are legal, here and in every other field.
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
        box_rows = parse_coordinates('boxes', boxes, 4)
        mask_rows = parse_masks('masks', masks)
        point_rows = parse_coordinates('points', points, 2)
        trace_rows = parse_groups('traces', traces, 2)
        set_rows = parse_groups('region_sets', region_sets, 4)
        tensors = (box_rows, mask_rows, point_rows, *trace_rows, *set_rows)
        device = next((t.device for t in tensors if t.device.type != 'cpu'), torch.device('cpu'))
        regions = cls(
            boxes=box_rows.to(device),
            masks=mask_rows.to(device),
            points=point_rows.to(device),
            traces=tuple(rows.to(device) for rows in trace_rows),
            sets=tuple(rows.to(device) for rows in set_rows),
            whole_image=bool(whole_image),
        )
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

    def check_inside(self, image_size: tuple[int, int], window: Window | None = None) -> None:
        """Check that every region has a part in the image.

        Boxes may reach over the border and traces may leave the image, as long as a part is left inside.

        Args:
            image_size: (height, width) of the original image.
            window: The part of the image that the network sees, xyxy in original pixels; all of it by default. Masks
                are not checked against it.

        Raises:
            RegionError: If a region lies outside, or the masks are not of the image's size.
        """
        checks.check_mask_size(self.masks, image_size)
        windows = [checks.WindowCheck.image(image_size)]
        if window not in (None, windows[0].window):
            windows.append(checks.WindowCheck.crop(window))
        trace_points, trace_owners = checks.concatenate(self.traces, self.points)
        set_boxes, set_owners = checks.concatenate(self.sets, self.boxes)
        for check in windows:
            check.boxes(self.boxes, checks.numbered('boxes'))
            check.points(self.points, checks.numbered('points'))
            check.traces(trace_points, trace_owners, len(self.traces))
            check.boxes(set_boxes, checks.numbered_in_groups('region_sets', set_owners))

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
