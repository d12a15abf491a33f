"""Where text goes: wrapping, and placing labels beside their regions without overlap. Pure geometry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

# A label may hide at most this much of any region; more of it, and a legend serves the reader better.
_MAX_COVER = 0.6
_PREFERENCE_STEP = 0.02


class Rect(NamedTuple):
    """A rectangle in canvas pixels."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """Horizontal extent."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Vertical extent."""
        return self.bottom - self.top

    @property
    def area(self) -> float:
        """Area in square pixels; never negative."""
        return max(self.width, 0.0) * max(self.height, 0.0)

    def overlap(self, other: Rect) -> float:
        """Area shared with another rectangle.

        Example:
            >>> Rect(0, 0, 4, 4).overlap(Rect(2, 2, 6, 6))
            4
        """
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return width * height if width > 0 and height > 0 else 0.0

    def inside(self, other: Rect) -> bool:
        """Whether no part lies outside ``other``."""
        return (
            self.left >= other.left
            and self.top >= other.top
            and self.right <= other.right
            and self.bottom <= other.bottom
        )


class Label(NamedTuple):
    """A label to place: the region it belongs to and the sizes it may take, the best first."""

    anchor: Rect
    sizes: tuple[tuple[int, int], ...]  # (width, height)


class Placement(NamedTuple):
    """Where a label goes, and which of its sizes was taken."""

    rect: Rect
    size_index: int


def wrap_text(
    text: str, width_of: Callable[[str], float], max_width: float, max_lines: int = 4
) -> list[str]:
    """Break a text into lines that fit a width.

    Breaks at white space, and inside a word only when the word alone is too wide. What does not fit into
    ``max_lines`` is replaced by an ellipsis.

    Args:
        text: Any text; runs of white space count as one space.
        width_of: Width of a string in pixels.
        max_width: Greatest width of a line in pixels.
        max_lines: Greatest number of lines, at least 1.

    Returns:
        The lines; at least one, which may be empty.

    Example:
        >>> wrap_text('a red kite over the sea', len, 10)
        ['a red kite', 'over the', 'sea']
        >>> wrap_text('a red kite over the sea', len, 10, max_lines=2)
        ['a red kite', 'over the…']
    """
    lines = ['']
    for word in text.split():
        joined = f'{lines[-1]} {word}'.strip()
        if width_of(joined) <= max_width:
            lines[-1] = joined
            continue
        if lines[-1]:
            lines.append('')
        for character in word:
            if lines[-1] and width_of(lines[-1] + character) > max_width:
                lines.append('')
            lines[-1] += character
    if len(lines) <= max_lines:
        return lines
    last = lines[max_lines - 1]
    while last and width_of(f'{last}…') > max_width:
        last = last[:-1]
    return [*lines[: max_lines - 1], f'{last.rstrip()}…']


def place_labels(labels: Sequence[Label], canvas: Rect, gap: float = 2.0) -> list[Placement | None]:
    """Place labels beside or in their regions so that none overlaps another and all lie on the canvas.

    Greedy and deterministic: labels of small regions are placed first, for they have the fewest places; each takes
    the place that hides least of any region, and of equal ones the first of a fixed order (above the region, at its
    top inside, below, ...).

    Args:
        labels: What to place.
        canvas: The rectangle to stay in.
        gap: Distance between a label and its region in pixels.

    Returns:
        A placement for each label, in order; ``None`` where no place without overlap was found.

    Example:
        >>> label = Label(Rect(20, 40, 60, 80), sizes=((30, 10),))
        >>> place_labels([label], Rect(0, 0, 100, 100))[0].rect
        Rect(left=20, top=28.0, right=50, bottom=38.0)
    """
    placed: list[Placement | None] = [None] * len(labels)
    order = sorted(range(len(labels)), key=lambda index: (labels[index].anchor.area, index))
    for index in order:
        taken = [placement.rect for placement in placed if placement is not None]
        others = [label.anchor for position, label in enumerate(labels) if position != index]
        placed[index] = _best_place(labels[index], taken, others, canvas, gap)
    return placed


def _best_place(
    label: Label, taken: Sequence[Rect], others: Sequence[Rect], canvas: Rect, gap: float
) -> Placement | None:
    best: Placement | None = None
    best_cost = float('inf')
    for size_index, size in enumerate(label.sizes):
        for rank, rect in enumerate(_candidates(label.anchor, size, canvas, gap)):
            preference = _PREFERENCE_STEP * (rank + 3 * size_index)
            if preference >= best_cost or not rect.inside(canvas):
                continue
            if any(rect.overlap(other) for other in taken):
                continue
            cover = _cover(rect, label.anchor)
            covers = [_cover(rect, other) for other in others]
            if max([cover, *covers]) > _MAX_COVER:
                continue
            cost = preference + cover + sum(covers)
            if cost < best_cost:
                best, best_cost = Placement(rect, size_index), cost
    return best


def _cover(rect: Rect, region: Rect) -> float:
    """Share of a region that a label hides."""
    return rect.overlap(region) / region.area if region.area else 0.0


def _candidates(anchor: Rect, size: tuple[int, int], canvas: Rect, gap: float) -> list[Rect]:
    width, height = size
    visible = Rect(
        max(anchor.left, canvas.left),
        max(anchor.top, canvas.top),
        min(anchor.right, canvas.right),
        min(anchor.bottom, canvas.bottom),
    )
    left, right = visible.left, visible.right - width
    above, below = visible.top - height - gap, visible.bottom + gap
    top_in, bottom_in = visible.top + gap, visible.bottom - height - gap
    middle = (visible.left + visible.right - width) / 2
    corners = [
        (left, above),
        (left + gap, top_in),
        (left, below),
        (right, above),
        (left + gap, bottom_in),
        (right, below),
        (right - gap, top_in),
        (right - gap, bottom_in),
        (middle, above),
        (middle, below),
        (visible.right + gap, visible.top),
        (visible.left - width - gap, visible.top),
        (visible.right + gap, visible.bottom - height),
        (visible.left - width - gap, visible.bottom - height),
    ]
    # A label at the border slides along it rather than being lost.
    slid = [
        (
            min(max(x, canvas.left), max(canvas.right - width, canvas.left)),
            min(max(y, canvas.top), max(canvas.bottom - height, canvas.top)),
        )
        for x, y in corners
    ]
    return [Rect(x, y, x + width, y + height) for x, y in slid]
