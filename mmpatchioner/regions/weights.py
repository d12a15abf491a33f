"""Every region as one row of weights over the patch grid."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from .checks import WindowCheck, concatenate
from .errors import RegionError
from .geometry import PatchGrid, points_inside
from .regions import Regions
from .selection import Selection, box_patches, mask_patches, point_patches

SetMode = Literal['patch_mean', 'box_mean']
Weighting = Literal['uniform', 'gaussian', 'attention']
RowSums = Literal['one', 'official']

COMPAT: dict[str, dict[str, Any]] = {
    'paper': {
        'selection': 'intersect',
        'set_mode': 'patch_mean',
        'weighting': 'uniform',
        'image_weighting': None,
        'gaussian_variance': 1.0,
        'row_sums': 'one',
    },
    'official': {
        'selection': 'official',
        'set_mode': 'box_mean',
        'weighting': 'uniform',
        'image_weighting': 'gaussian',
        'gaussian_variance': 1.0,
        'row_sums': 'official',
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
    row_sums: RowSums = 'one',
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
        row_sums: ``'official'`` divides traces, and the whole image under ``'attention'``, by the number of patches N
            in place of their total, as the released code does; a trace of L points then has the sum L / N. Only
            decoders that read vectors of any length see the difference.
        attention: (N,) non-negative weights of the patches, needed by ``'attention'``.

    Returns:
        (R, N) fp32 on the device of the regions, every row sums to 1 (but see ``row_sums``).

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
    _check_option('row_sums', row_sums, get_args(RowSums))
    if not (0 <= gaussian_variance < math.inf):
        raise ValueError(f'gaussian_variance: expected 0 or more, got {gaussian_variance}.')
    if 'attention' in (weighting, image_weighting):
        attention = _checked_attention(attention, grid).to(regions.device)
    regions.check_inside(grid.ori_size, grid.window)

    inside = _Weigher(weighting, gaussian_variance, attention)
    overall = _Weigher(image_weighting or weighting, gaussian_variance, attention)
    image = torch.ones((int(regions.whole_image), grid.rows, grid.cols), dtype=torch.bool)
    images = overall(image.to(regions.device))
    counts = _trace_counts(regions, grid, selection)
    traces = inside.of_counts(counts)
    if row_sums == 'official':
        traces = traces * inside.totals(counts) / grid.num_patches
        if overall.weighting == 'attention':
            images = images / grid.num_patches
    rows = [
        inside(box_patches(regions.boxes, grid, selection)),
        inside(_seen_masks(regions.masks, grid)),
        one_hot(point_patches(regions.points, grid, selection), grid.num_patches).float(),
        traces,
        _set_weights(regions, grid, selection, set_mode, inside),
        images,
    ]
    return torch.cat(rows)


@dataclass(frozen=True)
class _Weigher:
    """The weights within a region, rows sum to 1."""

    weighting: Weighting
    variance: float
    attention: Tensor | None

    def __call__(self, patches: Tensor) -> Tensor:
        """Weights (R, N) fp32 over the patches taken, (R, rows, cols) bool, at least one a row."""
        if self.weighting == 'gaussian':
            return _normalised(_gaussian(patches, self.variance))
        return self.of_counts(patches.flatten(1).float())

    def of_counts(self, counts: Tensor) -> Tensor:
        """Weights (R, N) fp32 of patches that count as often as given, (R, N) fp32."""
        if self.weighting == 'attention' and self.attention is not None:
            attended = counts * self.attention
            counts = torch.where(attended.any(dim=1, keepdim=True), attended, counts)
        return _normalised(counts)

    def totals(self, counts: Tensor) -> Tensor:
        """Sums (R, 1) fp32 of counts (R, N), each count times the attention of its patch if that is asked for."""
        if self.weighting == 'attention' and self.attention is not None:
            counts = counts * (self.attention / self.attention.sum())
        return counts.sum(dim=1, keepdim=True).float()


def _gaussian(patches: Tensor, variance: float) -> Tensor:
    """Unnormalised gaussian around the centre of every region's span, (R, rows, cols) bool -> (R, N) fp32."""
    y, x = _span_coordinates(patches.any(dim=2)), _span_coordinates(patches.any(dim=1))
    distances = (y.square()[:, :, None] + x.square()[:, None, :]).flatten(1)
    taken = patches.flatten(1)
    nearest, centre = distances.masked_fill(~taken, math.inf).min(dim=1, keepdim=True)
    if variance < torch.finfo(distances.dtype).tiny:
        return torch.zeros_like(distances).scatter_(1, centre, 1)
    # Relative to the nearest patch, which gets 1: a small variance cannot make a whole row vanish.
    return torch.where(taken, torch.exp((nearest - distances) / variance), 0)


def _span_coordinates(lines: Tensor) -> Tensor:
    """Position of every row or column with the first one taken at -1 and the last at 1, (R, n) bool -> fp32.

    A single one is the centre, 0. Opposite positions are exactly opposite, which makes the centre well defined.
    """
    cells = torch.arange(lines.shape[1], device=lines.device)
    flags = lines.to(torch.uint8)
    first = flags.argmax(dim=1, keepdim=True)
    last = lines.shape[1] - 1 - flags.flip(1).argmax(dim=1, keepdim=True)
    return (2 * cells - first - last).float() / (last - first).clamp(min=1)


def _seen_masks(masks: Tensor, grid: PatchGrid) -> Tensor:
    """Patches of masks, (R, rows, cols) bool.

    Raises:
        RegionError: If the centre crop cuts a mask away.
    """
    patches = mask_patches(masks, grid)
    for i in (~patches.flatten(1).any(dim=1)).nonzero().flatten().tolist():
        check = WindowCheck.crop(grid.window)
        check.refuse(f'masks[{i}]', 'a mask with a pixel inside', 'one with all pixels outside')
    return patches


def _trace_counts(regions: Regions, grid: PatchGrid, selection: Selection) -> Tensor:
    """How many points of every trace lie in every patch, (nt, N) fp32; points outside do not count."""
    points, owners = concatenate(regions.traces, regions.points)
    inside = points_inside(points, grid.window)
    patches = point_patches(points[inside], grid, selection)
    slots = owners[inside] * grid.num_patches + patches
    counts = torch.bincount(slots, minlength=len(regions.traces) * grid.num_patches)
    return counts.view(len(regions.traces), grid.num_patches).float()


def _set_weights(
    regions: Regions, grid: PatchGrid, selection: Selection, set_mode: SetMode, weigher: _Weigher
) -> Tensor:
    """Weights of region sets, (ns, N) fp32: every set is a mixture of its boxes."""
    boxes, owners = concatenate(regions.sets, regions.boxes)
    patches = box_patches(boxes, grid, selection)
    sets = torch.arange(len(regions.sets), device=regions.device)
    shares = (sets[:, None] == owners).float()
    if set_mode == 'patch_mean':
        shares = shares * patches.sum(dim=(1, 2))
    # In float64, which neither autocast nor TF32 touches.
    return (_normalised(shares).double() @ weigher(patches).double()).float()


def _normalised(weights: Tensor) -> Tensor:
    return (weights / weights.sum(dim=1, keepdim=True)).float()


def _checked_attention(attention: Tensor | None, grid: PatchGrid) -> Tensor:
    if attention is None:
        raise RegionError(
            "attention: weighting='attention' expects the attention of the patches, got None; "
            "pass it or use weighting='uniform'."
        )
    attention = torch.as_tensor(attention, dtype=torch.float64).detach()
    if tuple(attention.shape) != (grid.num_patches,):
        raise RegionError(
            f'attention: expected ({grid.num_patches},), one weight a patch, got {tuple(attention.shape)}.'
        )
    if not (attention.min() >= 0 and attention.max().isfinite()):
        raise RegionError(
            f'attention: expected finite numbers of 0 or more, got {attention.min():g} to {attention.max():g}; '
            'take the softmax first.'
        )
    return attention / attention.max() if attention.any() else attention


def _check_option(name: str, value: str | None, choices: tuple[str | None, ...]) -> None:
    if value not in choices:
        raise ValueError(f'{name}: expected one of {choices}, got {value!r}.')
