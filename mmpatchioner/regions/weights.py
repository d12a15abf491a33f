"""Every region as one row of weights over the patch grid."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from .errors import RegionError
from .geometry import PatchGrid, points_inside
from .regions import CROP_REMEDY, Regions
from .selection import Selection, box_patches, mask_patches, point_patches

SetMode = Literal['patch_mean', 'box_mean']
Weighting = Literal['uniform', 'gaussian', 'attention']

COMPAT: dict[str, dict[str, Any]] = {
    'paper': {
        'selection': 'intersect',
        'set_mode': 'patch_mean',
        'weighting': 'uniform',
        'image_weighting': None,
        'gaussian_variance': 1.0,
    },
    'official': {
        'selection': 'official',
        'set_mode': 'box_mean',
        'weighting': 'uniform',
        'image_weighting': 'gaussian',
        'gaussian_variance': 1.0,
    },
}
"""Keyword arguments of :func:`region_weights`: as the paper defines them, and as the released code has them."""


def region_weights(
    regions: Regions,
    grid: PatchGrid,
    *,
    selection: Selection = 'intersect',
    set_mode: SetMode = 'patch_mean',
    weighting: Weighting = 'uniform',
    image_weighting: Weighting | None = None,
    gaussian_variance: float = 1.0,
    attention: Tensor | None = None,
) -> Tensor:
    """Turn regions into weights, so that ``weights @ patches`` pools all regions of an image at once.

    Args:
        regions: The regions of one image.
        grid: How the patches lie on that image.
        selection: Patches of a box: ``'intersect'``, all that share an area with it (the paper), or ``'official'``, the
            floor rule of the released code.
        set_mode: ``'patch_mean'`` counts every patch of every box once (Eq. 1); ``'box_mean'`` is the mean of the box
            means (the released code). A set is a mixture of its boxes, under every weighting.
        weighting: Weights within a region: ``'uniform'``; ``'gaussian'``, highest at its centre; ``'attention'``, in
            proportion to ``attention``, or uniform where that is zero all over the region. A point is one patch under
            all of them, a trace counts its points and takes part in ``'attention'`` only.
        image_weighting: The same for the whole image; None is as ``weighting``.
        gaussian_variance: Of the gaussian exp(-d^2 / variance), with the region's span as [-1, 1] on both axes. 0 is
            the centre patch alone, the earlier one of two.
        attention: (N,) non-negative weights of the patches, needed by ``'attention'``.

    Returns:
        (R, N) fp32 on the device of the regions, every row sums to 1.

    Raises:
        RegionError: If a region lies outside what the network sees, or attention is needed and missing or malformed.
        ValueError: If an option is unknown or the variance is negative or not finite.

    Example:
        >>> grid = PatchGrid(ori_size=(28, 42), input_size=(28, 42), patch_size=14)
        >>> region_weights(Regions.from_inputs(boxes=[[20, 0, 30, 10]]), grid).tolist()
        [[0.0, 0.5, 0.5, 0.0, 0.0, 0.0]]
    """
    _check_option('selection', selection, get_args(Selection))
    _check_option('set_mode', set_mode, get_args(SetMode))
    _check_option('weighting', weighting, get_args(Weighting))
    _check_option('image_weighting', image_weighting, (None, *get_args(Weighting)))
    if not (0 <= gaussian_variance < math.inf):
        raise ValueError(f'gaussian_variance: expected 0 or more, got {gaussian_variance}.')
    if 'attention' in (weighting, image_weighting):
        attention = _checked_attention(attention, grid).to(regions.device)
    regions.check_inside(grid.ori_size, grid.window)

    inside = _Weigher(weighting, gaussian_variance, attention)
    overall = _Weigher(image_weighting or weighting, gaussian_variance, attention)
    image = torch.ones((int(regions.whole_image), grid.rows, grid.cols), dtype=torch.bool)
    rows = [
        inside(box_patches(regions.boxes, grid, selection)),
        inside(_seen_masks(regions.masks, grid)),
        one_hot(point_patches(regions.points, grid, selection), grid.num_patches).double(),
        inside.of_counts(_trace_counts(regions.traces, grid, selection, regions.device)),
        _set_weights(regions, grid, selection, set_mode, inside),
        overall(image.to(regions.device)),
    ]
    return torch.cat(rows).float()


@dataclass(frozen=True)
class _Weigher:
    """The weights within a region, rows sum to 1."""

    weighting: Weighting
    variance: float
    attention: Tensor | None

    def __call__(self, patches: Tensor) -> Tensor:
        """Weights (R, N) float64 over the patches taken, (R, rows, cols) bool, at least one a row."""
        if self.weighting == 'gaussian':
            return _normalised(_gaussian(patches, self.variance))
        return self.of_counts(patches.flatten(1).double())

    def of_counts(self, counts: Tensor) -> Tensor:
        """Weights (R, N) float64 of patches that count as often as given, (R, N) float64."""
        if self.weighting == 'attention' and self.attention is not None:
            attended = counts * self.attention
            counts = torch.where(attended.any(dim=1, keepdim=True), attended, counts)
        return _normalised(counts)


def _gaussian(patches: Tensor, variance: float) -> Tensor:
    """Unnormalised gaussian around the centre of every region's span, (R, rows, cols) bool -> (R, N) float64."""
    y, x = _span_coordinates(patches.any(dim=2)), _span_coordinates(patches.any(dim=1))
    distances = (y.square()[:, :, None] + x.square()[:, None, :]).flatten(1)
    distances = distances.masked_fill(~patches.flatten(1), math.inf)
    if variance == 0:
        return one_hot(distances.argmin(dim=1), distances.shape[1]).double()
    # The nearest patch gets 1, so that a small variance cannot make a row vanish.
    return torch.exp((distances.amin(dim=1, keepdim=True) - distances) / variance)


def _span_coordinates(lines: Tensor) -> Tensor:
    """Position of every row or column with the first one taken at -1 and the last at 1, (R, n) bool -> float64.

    A single one is the centre, 0. Opposite positions are exactly opposite, which makes the centre well defined.
    """
    cells = torch.arange(lines.shape[1], device=lines.device)
    flags = lines.to(torch.uint8)
    first = flags.argmax(dim=1, keepdim=True)
    last = lines.shape[1] - 1 - flags.flip(1).argmax(dim=1, keepdim=True)
    return (2 * cells - first - last).double() / (last - first).clamp(min=1)


def _seen_masks(masks: Tensor, grid: PatchGrid) -> Tensor:
    """Patches of masks, (R, rows, cols) bool.

    Raises:
        RegionError: If the centre crop cuts a mask away.
    """
    patches = mask_patches(masks, grid)
    unseen = ~patches.flatten(1).any(dim=1)
    if unseen.any():
        raise RegionError(
            f'masks[{int(unseen.nonzero()[0])}]: expected a pixel inside the centre crop that the network sees, '
            f'got a mask outside; {CROP_REMEDY}.'
        )
    return patches


def _trace_counts(
    traces: tuple[Tensor, ...], grid: PatchGrid, selection: Selection, device: torch.device
) -> Tensor:
    """How many points of every trace lie in every patch, (nt, N) float64; points outside do not count."""
    points, owners = _concatenated(traces, 2, device)
    inside = points_inside(points, grid.window)
    patches = point_patches(points[inside], grid, selection)
    slots = owners[inside] * grid.num_patches + patches
    counts = torch.bincount(slots, minlength=len(traces) * grid.num_patches)
    return counts.view(len(traces), grid.num_patches).double()


def _set_weights(
    regions: Regions, grid: PatchGrid, selection: Selection, set_mode: SetMode, weigher: _Weigher
) -> Tensor:
    """Weights of region sets, (ns, N) float64: every set is a mixture of its boxes."""
    boxes, owners = _concatenated(regions.sets, 4, regions.device)
    patches = box_patches(boxes, grid, selection)
    members = one_hot(owners, len(regions.sets)).T.double() if len(boxes) else boxes.new_zeros(0, 0)
    shares = members * patches.sum(dim=(1, 2)) if set_mode == 'patch_mean' else members
    return _normalised(shares) @ weigher(patches)


def _concatenated(
    groups: tuple[Tensor, ...], width: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """All rows of all groups (L, width) float64, and the number of the group that each belongs to (L,)."""
    sizes = torch.tensor([len(group) for group in groups], dtype=torch.long, device=device)
    rows = torch.cat([torch.zeros(0, width, dtype=torch.float64, device=device), *groups])
    return rows, torch.arange(len(groups), device=device).repeat_interleave(sizes)


def _normalised(weights: Tensor) -> Tensor:
    return weights / weights.sum(dim=1, keepdim=True)


def _checked_attention(attention: Tensor | None, grid: PatchGrid) -> Tensor:
    if attention is None:
        raise RegionError(
            "attention: weighting='attention' expects the attention of the patches, got None; "
            "pass it or use weighting='uniform'."
        )
    if tuple(attention.shape) != (grid.num_patches,):
        raise RegionError(
            f'attention: expected ({grid.num_patches},), one weight a patch, got {tuple(attention.shape)}.'
        )
    attention = attention.detach().double()
    if not (attention >= 0).all() or not attention.sum().isfinite():
        raise RegionError('attention: expected finite numbers of 0 or more, got others.')
    return attention


def _check_option(name: str, value: str | None, choices: tuple[str | None, ...]) -> None:
    if value not in choices:
        raise ValueError(f'{name}: expected one of {choices}, got {value!r}.')
