"""Pictures of text: label chips, number badges and the legend panel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from mmpatchioner.visualization.fonts import Font
from mmpatchioner.visualization.layout import Rect, wrap_text
from mmpatchioner.visualization.palette import INK, PAPER, Color, text_color

_OVERSAMPLE = 4
_CHIP_OPACITY = 0.92


@dataclass(frozen=True)
class Chip:
    """A caption on a rounded, coloured background.

    Attributes:
        lines: The wrapped text.
        size: (width, height) in pixels.
    """

    lines: tuple[str, ...]
    size: tuple[int, int]


def chip_options(text: str, font: Font, widths: Sequence[float], max_lines: int = 4) -> list[Chip]:
    """Ways of writing a text, one for each width that gives another one.

    Args:
        text: The caption.
        font: Its font.
        widths: Greatest widths of the chip in pixels.
        max_lines: Greatest number of lines; longer texts end in an ellipsis.
    """
    pad_x, pad_y = _padding(font)
    chips: dict[tuple[str, ...], Chip] = {}
    for width in widths:
        lines = tuple(wrap_text(text, font.width, width - 2 * pad_x, max_lines))
        text_width = max(font.width(line) for line in lines)
        size = (text_width + 2 * pad_x, len(lines) * font.line_height + 2 * pad_y)
        chips.setdefault(lines, Chip(lines, size))
    # Texts cut short come last: any place for the whole text is better.
    return sorted(chips.values(), key=lambda chip: chip.lines[-1].endswith('…'))


def draw_chip(
    picture: Image.Image, chip: Chip, corner: tuple[float, float], font: Font, color: Color
) -> None:
    """Draw a chip with its top-left corner at ``corner``; the picture is changed in place."""
    left, top = (round(value) for value in corner)
    mask = _rounded(chip.size, radius=round(0.3 * font.size), opacity=_CHIP_OPACITY)
    picture.paste(color, (left, top), mask)
    pad_x, pad_y = _padding(font)
    draw = ImageDraw.Draw(picture)
    for row, line in enumerate(chip.lines):
        font.draw(
            draw, (left + pad_x, top + pad_y + row * font.line_height), line, text_color(color)
        )


def badge_size(number: int | None, font: Font) -> tuple[int, int]:
    """Width and height of a number badge."""
    height = round(1.5 * font.size)
    width = 0 if number is None else font.width(str(number)) + round(0.8 * font.size)
    return max(width, height), height


def draw_badge(
    picture: Image.Image, number: int | None, corner: tuple[float, float], font: Font, color: Color
) -> None:
    """Draw a region's number in its colour, or only its colour; the picture is changed in place."""
    left, top = (round(value) for value in corner)
    width, height = badge_size(number, font)
    ring = max(1, round(0.1 * font.size))
    picture.paste(PAPER, (left, top), _rounded((width, height), height // 2))
    inner = (width - 2 * ring, height - 2 * ring)
    picture.paste(color, (left + ring, top + ring), _rounded(inner, inner[1] // 2))
    if number is not None:
        text = str(number)
        x = left + (width - font.width(text)) / 2
        y = top + (height - font.line_height) / 2
        font.draw(ImageDraw.Draw(picture), (x, y), text, text_color(color))


@dataclass(frozen=True)
class LegendEntry:
    """One line of the legend: a region's number (none: only its colour), colour and caption."""

    number: int | None
    color: Color
    text: str


def legend_panel(entries: Sequence[LegendEntry], width: int, font: Font) -> Image.Image:
    """Lay out a legend in as many columns as read well.

    Args:
        entries: What to list, at least one.
        width: Width of the panel in pixels.
        font: The font of the captions.

    Returns:
        An RGB picture of that width, as high as the entries need.
    """
    margin = round(0.9 * font.size)
    spacing = round(0.55 * font.size)
    columns = max(1, min(width // (18 * font.size), len(entries), 3))
    column_width = (width - margin * (columns + 1)) // columns
    badge_width = max(badge_size(entry.number, font)[0] for entry in entries)
    indent = badge_width + round(0.6 * font.size)
    room = max(column_width - indent, font.size)
    wrapped = [wrap_text(entry.text, font.width, room, max_lines=12) for entry in entries]
    badge_height = badge_size(None, font)[1]
    heights = [max(len(lines) * font.line_height, badge_height) + spacing for lines in wrapped]
    column_of, column_heights = _fill_columns(heights, columns)
    panel = Image.new('RGB', (width, max(column_heights) - spacing + 2 * margin), PAPER)
    draw = ImageDraw.Draw(panel)
    tops = [margin] * columns
    for entry, lines, height, column in zip(entries, wrapped, heights, column_of, strict=True):
        left, top = margin + column * (column_width + margin), tops[column]
        size = badge_size(entry.number, font)
        draw_badge(
            panel, entry.number, (left + (badge_width - size[0]) / 2, top), font, entry.color
        )
        text_top = top + max((badge_height - font.line_height) / 2, 0)
        for row, line in enumerate(lines):
            font.draw(draw, (left + indent, text_top + row * font.line_height), line, INK)
        tops[column] += height
    return panel


def _fill_columns(heights: Sequence[int], columns: int) -> tuple[list[int], list[int]]:
    """Split a list into columns of about equal height, top to bottom.

    Example:
        >>> _fill_columns([10, 10, 10, 10, 10], 2)
        ([0, 0, 0, 1, 1], [30, 20])
    """
    target = sum(heights) / columns
    column_of: list[int] = []
    filled = 0.0
    for height in heights:
        column_of.append(min(int(filled // target), columns - 1))
        filled += height
    totals = [0] * columns
    for column, height in zip(column_of, heights, strict=True):
        totals[column] += height
    return column_of, totals


def clear_corner(anchor: Rect, size: tuple[int, int], canvas: Rect) -> tuple[float, float]:
    """The top-left corner of a region, moved so that a badge of ``size`` lies on the canvas."""
    left = min(max(anchor.left, canvas.left), max(canvas.right - size[0], canvas.left))
    top = min(max(anchor.top, canvas.top), max(canvas.bottom - size[1], canvas.top))
    return left, top


def _padding(font: Font) -> tuple[int, int]:
    return round(0.45 * font.size), round(0.18 * font.size)


def _rounded(size: tuple[int, int], radius: int, opacity: float = 1.0) -> Image.Image:
    """A mask of a rectangle with smooth round corners."""
    large = Image.new('L', (size[0] * _OVERSAMPLE, size[1] * _OVERSAMPLE), 0)
    bounds = (0, 0, large.width - 1, large.height - 1)
    ImageDraw.Draw(large).rounded_rectangle(bounds, radius * _OVERSAMPLE, fill=round(255 * opacity))
    return large.resize(size, Image.Resampling.BOX)
