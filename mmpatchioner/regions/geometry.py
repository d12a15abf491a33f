"""From original pixels through the network's input to the patch grid, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor

Mode = Literal['squash', 'center_crop']
Window = tuple[float, float, float, float]

BORDER_TOLERANCE = 1e-5
"""An overlap of at most this part of a patch's side is no overlap.

A box made of patches, kept in fp32 as detectors do, comes back with its edges off by some 1e-6 of a patch; it must not
take the patches next to it.
"""

FP32_NOISE = 1e-6
"""A point that lies this far outside a window, relative to the window's far edge, lies on its border.

Detections cut at the border of a resized image come back to the original pixels by an fp32 division.
"""


@dataclass(frozen=True)
class PatchGrid:
    """How the patches of a vision backbone lie on an image.

    Grid coordinates are patch units: column ``c`` covers the interval [c, c + 1] along x, row ``r`` the interval
    [r, r + 1] along y. Patches are numbered row by row, ``index = r * cols + c``.

    ``'squash'`` resizes the image to the input and gives up its aspect ratio. ``'center_crop'`` resizes the short side
    to the (square) input and cuts the centre; what is cut away belongs to no patch. Sizes and offsets are those of
    Pillow with the rounding of torchvision: the long side is truncated, the offset rounded half to even.

    Args:
        ori_size: Height and width of the original image, pixels.
        input_size: Height and width of the network's input, pixels; multiples of ``patch_size``.
        patch_size: Side of a patch, pixels of the network's input.
        mode: ``'squash'`` or ``'center_crop'``.

    Raises:
        ValueError: If a size is not a pair of positive integers, the input is not made of whole patches, the mode is
            unknown, or ``center_crop`` is asked for an input that is not square.

    Example:
        >>> grid = PatchGrid(ori_size=(480, 640), input_size=(518, 518), patch_size=14)
        >>> grid.rows, grid.cols, grid.num_patches
        (37, 37, 1369)
        >>> grid.boxes_to_grid([[0, 0, 320, 480]]).tolist()
        [[0.0, 0.0, 18.5, 37.0]]
    """

    ori_size: tuple[int, int]
    input_size: tuple[int, int]
    patch_size: int
    mode: Mode = 'squash'

    def __post_init__(self) -> None:
        object.__setattr__(self, 'ori_size', _checked_size('ori_size', self.ori_size))
        object.__setattr__(self, 'input_size', _checked_size('input_size', self.input_size))
        if self.patch_size < 1 or any(side % self.patch_size for side in self.input_size):
            raise ValueError(
                f'input_size: expected multiples of patch_size={self.patch_size}, got {self.input_size}; '
                'choose an input made of whole patches.'
            )
        if self.mode not in get_args(Mode):
            raise ValueError(f'mode: expected one of {get_args(Mode)}, got {self.mode!r}.')
        if self.mode == 'center_crop' and self.input_size[0] != self.input_size[1]:
            raise ValueError(
                f'input_size: center_crop expects a square input, got {self.input_size}; '
                "make it square or use mode='squash'."
            )

    @property
    def rows(self) -> int:
        """Number of patch rows."""
        return self.input_size[0] // self.patch_size

    @property
    def cols(self) -> int:
        """Number of patch columns."""
        return self.input_size[1] // self.patch_size

    @property
    def num_patches(self) -> int:
        """Number of patches, N."""
        return self.rows * self.cols

    @property
    def resized_size(self) -> tuple[int, int]:
        """Height and width of the image after the resize, before the crop."""
        if self.mode == 'squash':
            return self.input_size
        short = min(self.ori_size)
        height, width = (int(self.input_size[0] * side / short) for side in self.ori_size)
        return height, width

    @property
    def crop_offset(self) -> tuple[int, int]:
        """Top and left of the network's input within the resized image, pixels."""
        (height, width), (input_h, input_w) = self.resized_size, self.input_size
        return round((height - input_h) / 2), round((width - input_w) / 2)

    @property
    def window(self) -> Window:
        """The part of the image that the network sees, xyxy in original pixels."""
        (height, width), (resized_h, resized_w) = self.ori_size, self.resized_size
        (top, left), (input_h, input_w) = self.crop_offset, self.input_size
        return (
            left * width / resized_w,
            top * height / resized_h,
            (left + input_w) * width / resized_w,
            (top + input_h) * height / resized_h,
        )

    def points_to_grid(self, points: Any) -> Tensor:
        """Map points of the original image to the grid.

        The arithmetic is a single division of exact products, so that a whole pixel coordinate that lies on a patch
        border is mapped to exactly that integer.

        Args:
            points: (L, 2) x and y, original pixels.

        Returns:
            (L, 2) float64 column and row coordinates in patch units, not clipped.
        """
        points = torch.as_tensor(points, dtype=torch.float64).reshape(-1, 2)
        ori, resized, offset = (
            points.new_tensor(size[::-1])
            for size in (self.ori_size, self.resized_size, self.crop_offset)
        )
        return (points * resized - offset * ori) / (ori * self.patch_size)

    def boxes_to_grid(self, boxes: Any) -> Tensor:
        """Map boxes of the original image to the grid.

        Args:
            boxes: (R, 4) xyxy, original pixels.

        Returns:
            (R, 4) float64 xyxy in patch units, not clipped.
        """
        return self.points_to_grid(boxes).reshape(-1, 4)

    def masks_to_grid(self, masks: Tensor) -> Tensor:
        """Measure how much of every patch a mask covers.

        A pixel is a small square of the scaled image. The area it shares with a patch is the product of two overlaps of
        intervals, so the covered area is a matrix product along each axis: exact, with no interpolation.

        Args:
            masks: (R, H, W) bool, of the original image's size.

        Returns:
            (R, rows, cols) float64 covered fraction of every patch, in [0, 1].

        Raises:
            ValueError: If the masks are not of the original image's size.
        """
        if masks.ndim != 3 or tuple(masks.shape[1:]) != self.ori_size:
            raise ValueError(
                f'masks: expected (R, {self.ori_size[0]}, {self.ori_size[1]}), the size of the original image, '
                f'got {tuple(masks.shape)}; resize them with nearest neighbour.'
            )
        row_overlaps = self._pixel_overlaps(axis=0).to(masks.device)
        col_overlaps = self._pixel_overlaps(axis=1).to(masks.device)
        # Only the pixel rows under a patch row count for it: by bands, no float copy of all masks is ever made.
        bands = []
        for overlaps in row_overlaps:
            under = overlaps.nonzero().flatten()
            band = slice(int(under[0]), int(under[-1]) + 1)
            bands.append(overlaps[band] @ masks[:, band].to(overlaps.dtype))
        return (torch.stack(bands, dim=1) @ col_overlaps.T).clamp(max=1)

    def patch_boxes(self) -> Tensor:
        """Box of every patch.

        Returns:
            (N, 4) float64 xyxy, original pixels, row by row.
        """
        (height, width), (resized_h, resized_w) = self.ori_size, self.resized_size
        top, left = self.crop_offset
        y = (torch.arange(self.rows + 1).double() * self.patch_size + top) * height / resized_h
        x = (torch.arange(self.cols + 1).double() * self.patch_size + left) * width / resized_w
        corners = (
            torch.meshgrid(y[:-1], x[:-1], indexing='ij'),
            torch.meshgrid(y[1:], x[1:], indexing='ij'),
        )
        return torch.stack([axis.flatten() for corner in corners for axis in corner[::-1]], dim=1)

    def _pixel_overlaps(self, axis: int) -> Tensor:
        """Length that every patch row (axis 0) or column (axis 1) shares with every pixel, (n, size), patch units."""
        count = (self.rows, self.cols)[axis]
        edges = torch.arange(self.ori_size[axis] + 1).double()
        edges = self.points_to_grid(edges[:, None].expand(-1, 2))[:, 1 - axis]
        overlaps = interval_overlaps(edges[:-1], edges[1:], count).T
        return overlaps.masked_fill(overlaps <= BORDER_TOLERANCE, 0)


def interval_overlaps(low: Tensor, high: Tensor, count: int) -> Tensor:
    """Length that intervals share with the unit cells [0, 1], [1, 2], ..., [count - 1, count].

    Args:
        low: (R,) lower ends.
        high: (R,) upper ends.
        count: Number of cells.

    Returns:
        (R, count) lengths; negative is minus the distance of interval and cell.

    Example:
        >>> interval_overlaps(torch.tensor([0.5]), torch.tensor([1.75]), 3).tolist()
        [[0.5, 0.75, -0.25]]
    """
    cells = torch.arange(count, dtype=low.dtype, device=low.device)
    return torch.minimum(high[:, None], cells + 1) - torch.maximum(low[:, None], cells)


def boxes_overlap(boxes: Tensor, window: Window) -> Tensor:
    """Tell which boxes have a part in a window.

    A box without width or height has its part in the window if it lies in it, border included.

    Args:
        boxes: (R, 4) xyxy.
        window: xyxy, in the same unit.

    Returns:
        (R,) bool.
    """
    low, high = boxes[:, :2], boxes[:, 2:]
    start, end = boxes.new_tensor(window[:2]), boxes.new_tensor(window[2:])
    crosses = (low < end) & (high > start)
    rests = (low == high) & (low >= start - FP32_NOISE * end) & (low <= end + FP32_NOISE * end)
    return (crosses | rests).all(dim=1)


def points_inside(points: Tensor, window: Window) -> Tensor:
    """Tell which points lie in a window, border included.

    Args:
        points: (L, 2) x and y.
        window: xyxy, in the same unit.

    Returns:
        (L,) bool.
    """
    return boxes_overlap(points.repeat(1, 2), window)


def _checked_size(field: str, size: Any) -> tuple[int, int]:
    height, width = (int(side) for side in size) if len(size) == 2 else (0, 0)
    if height < 1 or width < 1 or (height, width) != tuple(size):
        raise ValueError(f'{field}: expected (height, width) in whole pixels, got {tuple(size)}.')
    return height, width
