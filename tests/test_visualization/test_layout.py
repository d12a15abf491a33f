"""Labels lie on the canvas and not on each other."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from mmpatchioner.visualization.layout import Label, Rect, place_labels, wrap_text

CANVAS = Rect(0, 0, 400, 300)


@st.composite
def label_lists(draw: st.DrawFn) -> list[Label]:
    labels = []
    for _ in range(draw(st.integers(0, 12))):
        left, top = draw(st.floats(-50, 420)), draw(st.floats(-50, 320))
        width, height = draw(st.floats(0, 300)), draw(st.floats(0, 300))
        sizes = draw(
            st.lists(st.tuples(st.integers(5, 150), st.integers(5, 60)), min_size=1, max_size=3)
        )
        labels.append(Label(Rect(left, top, left + width, top + height), tuple(sizes)))
    return labels


@settings(max_examples=50, deadline=None)
@given(label_lists())
def test_placed_labels_never_overlap_nor_leave_the_canvas(labels: list[Label]) -> None:
    placements = place_labels(labels, CANVAS)
    assert len(placements) == len(labels)
    placed = [placement for placement in placements if placement is not None]
    assert all(placement.rect.inside(CANVAS) for placement in placed)
    assert all(a.rect.overlap(b.rect) == 0 for a, b in combinations(placed, 2))
    for label, placement in zip(labels, placements, strict=True):
        if placement is not None:
            width, height = label.sizes[placement.size_index]
            assert abs(placement.rect.width - width) < 1e-6
            assert abs(placement.rect.height - height) < 1e-6
    assert placements == place_labels(labels, CANVAS)


def test_simple_layout_is_complete() -> None:
    anchors = [Rect(20, 60, 120, 160), Rect(200, 60, 300, 160), Rect(20, 200, 120, 290)]
    placements = place_labels([Label(anchor, ((90, 20),)) for anchor in anchors], CANVAS)
    for anchor, placement in zip(anchors, placements, strict=True):
        assert placement is not None
        assert placement.rect == Rect(
            anchor.left, anchor.top - 22, anchor.left + 90, anchor.top - 2
        )


def test_label_at_the_border_goes_inside_the_box() -> None:
    (placement,) = place_labels([Label(Rect(0, 0, 400, 300), ((90, 20),))], CANVAS)
    assert placement is not None
    assert placement.rect.inside(CANVAS)


def test_same_box_twice_gets_two_places() -> None:
    box = Rect(100, 100, 200, 200)
    first, second = place_labels([Label(box, ((80, 20),))] * 2, CANVAS)
    assert first is not None
    assert second is not None
    assert first.rect.overlap(second.rect) == 0


def test_label_that_is_too_large_takes_its_other_size_or_none() -> None:
    box = Rect(100, 100, 200, 200)
    (placement,) = place_labels([Label(box, ((500, 20), (80, 20)))], CANVAS)
    assert placement is not None
    assert placement.size_index == 1
    assert place_labels([Label(box, ((500, 20),))], CANVAS) == [None]


@settings(max_examples=50, deadline=None)
@given(st.text(), st.integers(1, 40), st.integers(1, 5))
def test_wrapped_lines_fit(text: str, width: int, max_lines: int) -> None:
    lines = wrap_text(text, len, width, max_lines)
    assert 1 <= len(lines) <= max_lines
    assert all(len(line) <= width for line in lines)
    joined = ''.join(lines)
    if not joined.endswith('…') or text.endswith('…'):
        assert ''.join(joined.split()) == ''.join(text.split())
