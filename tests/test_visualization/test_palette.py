"""Colours that can be told apart and read on."""

from __future__ import annotations

from itertools import combinations

from mmpatchioner.visualization.palette import INK, WHITE, region_color, text_color


def test_colours_are_distinct() -> None:
    colors = [region_color(index) for index in range(40)]
    assert len(set(colors)) == 40
    assert all(0 <= channel <= 255 for color in colors for channel in color)
    for a, b in combinations(colors[:10], 2):
        assert sum(abs(x - y) for x, y in zip(a, b, strict=True)) > 60


def test_text_has_contrast() -> None:
    assert text_color((255, 255, 255)) == INK
    assert text_color((0, 0, 0)) == WHITE
