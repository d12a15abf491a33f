"""Colours of regions: vivid enough for photos, told apart by their order."""

from __future__ import annotations

import colorsys

Color = tuple[int, int, int]

INK: Color = (28, 30, 34)
PAPER: Color = (250, 250, 248)
WHITE: Color = (255, 255, 255)

_BASE: tuple[Color, ...] = (
    (10, 132, 255),
    (255, 69, 58),
    (48, 209, 88),
    (255, 159, 10),
    (191, 90, 242),
    (0, 190, 200),
    (232, 62, 168),
    (250, 225, 40),
    (150, 105, 70),
    (94, 92, 230),
)
_GOLDEN_RATIO = 0.618033988749895


def region_color(index: int) -> Color:
    """Colour of the region at a position, RGB.

    The first ten are chosen by hand; those after walk around the hue circle in golden-ratio steps, so that
    neighbours in the list differ.

    Example:
        >>> region_color(0)
        (10, 132, 255)
    """
    if index < len(_BASE):
        return _BASE[index]
    step = index - len(_BASE) + 1
    hue = (step * _GOLDEN_RATIO) % 1.0
    value = 0.95 if step % 2 else 0.75
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.75, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def text_color(background: Color) -> Color:
    """Ink or white, whichever reads better on a background.

    Example:
        >>> text_color((255, 214, 10)) == INK, text_color((94, 92, 230)) == WHITE
        (True, True)
    """
    light = _luminance(background)
    on_white = 1.05 / (light + 0.05)
    on_ink = (light + 0.05) / (_luminance(INK) + 0.05)
    # White is preferred where both read well: it looks calmer on saturated colours.
    return WHITE if on_white >= 3.0 or on_white > on_ink else INK


def _luminance(color: Color) -> float:
    """Relative luminance of sRGB (WCAG 2.1)."""
    channels = [c / 255 for c in color]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
