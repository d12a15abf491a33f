"""Checks of regions; every failure names the field, the index, what was expected and given, and the remedy."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .errors import RegionError
from .geometry import Window, boxes_overlap, points_inside

MAX_COORDINATE = 1e9
"""Pixels. A larger coordinate is a mistake, and would overflow further on."""

Name = Callable[[int], str]


def numbered(field: str) -> Name:
    """Names of the rows of a field: ``boxes[0]``, ``boxes[1]``, ..."""
    return lambda i: f'{field}[{i}]'


def numbered_in_groups(field: str, owners: Tensor) -> Name:
    """Names of the rows of a field with groups, after concatenation: ``region_sets[1][0]``, ...

    Args:
        field: Name of the field.
        owners: (L,) index of the group of every row, ascending.
    """

    def name(i: int) -> str:
        group = int(owners[i])
        return f'{field}[{group}][{i - int((owners < group).sum())}]'

    return name


def concatenate(groups: tuple[Tensor, ...], like: Tensor) -> tuple[Tensor, Tensor]:
    """Join groups of rows, so that nothing needs to loop over them.

    Args:
        groups: Tensors (L_g, width).
        like: (R, width) tensor that gives width, type and device when there is no group.

    Returns:
        All rows (L, width), and the index of the group of every row (L,).
    """
    sizes = torch.tensor([len(group) for group in groups], dtype=torch.long, device=like.device)
    owners = torch.arange(len(groups), device=like.device).repeat_interleave(sizes)
    return torch.cat([like[:0], *groups]), owners


def check_shape(rows: Tensor, field: str, width: int) -> None:
    """Check that rows of coordinates are (R, width)."""
    if rows.ndim != 2 or rows.shape[1] != width:
        one = 'x1, y1, x2, y2' if width == 4 else 'x, y'
        raise RegionError(
            f'{field}: expected shape (R, {width}), got {tuple(rows.shape)}; write one as [[{one}]].'
        )


def check_groups(groups: tuple[Tensor, ...], field: str, width: int, unit: str) -> None:
    """Check that every group is (L, width) with at least one row, called ``unit``."""
    for i, group in enumerate(groups):
        check_shape(group, f'{field}[{i}]', width)
        if not len(group):
            raise RegionError(f'{field}[{i}]: expected at least one {unit}, got none; drop it.')


def check_finite(rows: Tensor, name: Name) -> None:
    """Check that coordinates are neither NaN nor infinite nor absurd."""
    _refuse(
        ~(rows.abs() < MAX_COORDINATE).all(dim=1), rows, name, 'finite pixel coordinates', 'drop it'
    )


def check_boxes(boxes: Tensor, name: Name) -> None:
    """Check that boxes are finite and xyxy."""
    check_finite(boxes, name)
    inverted = (boxes[:, :2] > boxes[:, 2:]).any(dim=1)
    remedy = 'convert x, y, width, height to x, y, x + width, y + height'
    _refuse(inverted, boxes, name, 'xyxy with x1 <= x2 and y1 <= y2', remedy)


def check_masks(masks: Tensor) -> None:
    """Check that masks are (R, H, W) bool and none is empty."""
    if masks.ndim != 3 or masks.dtype != torch.bool:
        raise RegionError(
            f'masks: expected bool (R, H, W), got {masks.dtype} {tuple(masks.shape)}; '
            'Regions.from_inputs converts.'
        )
    for i in (~masks.any(dim=2).any(dim=1)).nonzero().flatten().tolist():
        raise RegionError(f'masks[{i}]: expected a pixel inside, got an empty mask; drop it.')


def check_mask_size(masks: Tensor, image_size: tuple[int, int]) -> None:
    """Check that masks, if there are any, are of the image's (height, width)."""
    if len(masks) and tuple(masks.shape[1:]) != tuple(image_size):
        raise RegionError(
            f'masks: expected (R, {image_size[0]}, {image_size[1]}), the size of the image, '
            f'got {tuple(masks.shape)}; resize them to the original image with nearest neighbour.'
        )


class WindowCheck:
    """Checks that regions have a part in a window of the image.

    Args:
        window: xyxy, original pixels.
        name: What the window is, for the message.
        remedy: What to do about a region outside of it.
    """

    def __init__(self, window: Window, name: str, remedy: str) -> None:
        self.window = window
        self.name = name
        self.remedy = remedy

    @classmethod
    def image(cls, image_size: tuple[int, int]) -> WindowCheck:
        """The check against the whole image of (height, width)."""
        height, width = image_size
        return cls(
            (0.0, 0.0, float(width), float(height)),
            f'the image (width {width}, height {height})',
            'give pixels of the original image, not of a resized one nor 0 to 1, or drop it',
        )

    @classmethod
    def crop(cls, window: Window) -> WindowCheck:
        """The check against the part of the image that is left by a centre crop."""
        return cls(
            window,
            f'the centre crop that the network sees ({_listed(window)})',
            "use mode='squash', which sees the whole image, or drop it",
        )

    def boxes(self, boxes: Tensor, name: Name) -> None:
        """Check boxes (R, 4): each has a part in the window."""
        outside = ~boxes_overlap(boxes, self.window)
        _refuse(outside, boxes, name, f'a box that overlaps {self.name}', self.remedy)

    def points(self, points: Tensor, name: Name) -> None:
        """Check points (R, 2): each lies in the window, border included."""
        outside = ~points_inside(points, self.window)
        _refuse(outside, points, name, f'a point inside {self.name}', self.remedy)

    def traces(self, points: Tensor, owners: Tensor, count: int) -> None:
        """Check ``count`` traces, concatenated: each has a point in the window."""
        inside = owners[points_inside(points, self.window)]
        for i in (torch.bincount(inside, minlength=count) == 0).nonzero().flatten().tolist():
            self.refuse(
                f'traces[{i}]', 'a trace with a point inside', 'one with all points outside'
            )

    def refuse(self, name: str, expected: str, given: str) -> None:
        """Raise for one region."""
        raise RegionError(f'{name}: expected {expected} {self.name}, got {given}; {self.remedy}.')


def _refuse(bad: Tensor, rows: Tensor, name: Name, expected: str, remedy: str) -> None:
    """Raise for the first of the rows (R, width) that is marked as bad, (R,) bool."""
    if bad.any():
        first = int(bad.nonzero()[0])
        given = _listed(rows[first].tolist())
        raise RegionError(f'{name(first)}: expected {expected}, got {given}; {remedy}.')


def _listed(values: list[float] | Window) -> str:
    return f'[{", ".join(f"{value:g}" for value in values)}]'
