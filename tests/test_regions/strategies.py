"""Hypothesis strategies: grids of every kind, and regions with a part in the image."""

from __future__ import annotations

import math

from hypothesis import settings
from hypothesis import strategies as st

from mmpatchioner.regions import PatchGrid

examples = settings(deadline=None, max_examples=40)
few_examples = settings(deadline=None, max_examples=15)  # for tests with regions of every kind

sides = st.integers(1, 60)
patch_sizes = st.sampled_from([1, 7, 14, 16])


@st.composite
def squash_grids(draw):
    patch = draw(patch_sizes)
    rows, cols = draw(st.integers(1, 8)), draw(st.integers(1, 8))
    return PatchGrid((draw(sides), draw(sides)), (rows * patch, cols * patch), patch)


@st.composite
def crop_grids(draw):
    patch = draw(patch_sizes)
    side = draw(st.integers(1, 8)) * patch
    return PatchGrid((draw(sides), draw(sides)), (side, side), patch, 'center_crop')


grids = squash_grids() | crop_grids()


def coordinates(low: float, high: float):
    """Numbers in [low, high]; whole ones and quarters, which fall on borders, come often."""
    floats = st.floats(low, high, allow_subnormal=False)
    whole = _multiples(1, low, high)
    return whole | _multiples(4, low, high) | floats


def _multiples(parts: int, low: float, high: float):
    first, last = math.ceil(low * parts), math.floor(high * parts)
    if first > last:
        return st.nothing()
    return st.integers(first, last).map(lambda count: count / parts)


@st.composite
def boxes_over(draw, grid: PatchGrid):
    """A box with an area, of which a part lies in what the network sees; it may reach over the border."""
    ends = []
    for start, stop in zip(grid.window[:2], grid.window[2:], strict=True):
        low = draw(coordinates(start - 30, stop - (stop - start) / 100))
        high = draw(coordinates(max(low, start) + (stop - start) / 100, stop + 30))
        ends.append((low, high))
    (x1, x2), (y1, y2) = ends
    return [x1, y1, x2, y2]


@st.composite
def pixel_boxes(draw, grid: PatchGrid):
    """A box of whole pixels of the image."""
    height, width = grid.ori_size
    x1, y1 = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    return [x1, y1, draw(st.integers(x1 + 1, width)), draw(st.integers(y1 + 1, height))]


@st.composite
def points_over(draw, grid: PatchGrid):
    """A point in what the network sees, border included."""
    (left, top), (right, bottom) = grid.window[:2], grid.window[2:]
    return [draw(coordinates(left, right)), draw(coordinates(top, bottom))]
