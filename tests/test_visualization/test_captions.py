"""Pictures of regions with captions."""

from __future__ import annotations

import numpy as np
import pytest

from mmpatchioner.visualization import RegionShape, captions, draw_captions
from mmpatchioner.visualization.layout import Rect

GRAY = np.full((480, 640, 3), 128, np.uint8)


def box(*corners: float, text: str = 'a cat') -> RegionShape:
    return RegionShape('box', text, boxes=np.array([corners], dtype=float))


def mask_shape() -> RegionShape:
    mask = np.zeros(GRAY.shape[:2], bool)
    mask[100:200, 100:300] = True
    return RegionShape('mask', 'a dog', boxes=np.array([[100.0, 100, 300, 200]]), mask=mask)


SHAPES = {
    'box': box(100, 100, 300, 200),
    'mask': mask_shape(),
    'point': RegionShape('point', 'a dot', points=np.array([[200.0, 150]])),
    'trace': RegionShape(
        'trace', 'a path', points=np.array([[110.0, 110], [200, 190], [290, 110]])
    ),
    'set': RegionShape(
        'set', 'two', boxes=np.array([[100.0, 100, 150, 200], [200, 100, 300, 200]])
    ),
}


def changed(image: np.ndarray, shapes: list[RegionShape]) -> np.ndarray:
    """Where a drawing of the same size differs from the picture, (H, W) bool."""
    drawn = draw_captions(image, shapes)
    assert drawn.shape == image.shape
    return (drawn != image).any(axis=2)


@pytest.mark.parametrize('kind', SHAPES)
def test_every_kind_is_drawn_where_it_is(kind: str) -> None:
    different = changed(GRAY, [SHAPES[kind]])
    assert different[100:200, 100:300].any()
    assert not different[250:].any()
    assert not different[:, 420:].any()


def test_fill_of_a_mask_stays_inside_it() -> None:
    shape = SHAPES['mask']
    different = changed(GRAY, [RegionShape('mask', '', boxes=shape.boxes, mask=shape.mask)])
    assert different[120:180, 120:280].all()
    assert not different[:90].any()


def test_whole_image_has_its_caption_below() -> None:
    drawn = draw_captions(
        GRAY, [RegionShape('image', 'a gray wall', boxes=np.array([[0.0, 0, 640, 480]]))]
    )
    assert drawn.shape[0] > 480
    assert (drawn[:480] == GRAY).all()
    assert (drawn[480:] < 100).any()  # ink


def test_small_picture_is_enlarged() -> None:
    drawn = draw_captions(GRAY[:224, :224], [box(10, 10, 100, 100)])
    assert max(drawn.shape) >= 640
    assert draw_captions(GRAY, [box(10, 10, 100, 100)]).shape == GRAY.shape


def test_crowd_gets_numbers_and_a_legend() -> None:
    crowd = [
        box(200 + i, 200 + i, 260 + i, 260 + i, text=f'the number {i} of many long captions')
        for i in range(30)
    ]
    landscape = draw_captions(GRAY, crowd)
    assert landscape.shape[0] > 480
    assert landscape.shape[1] == 640
    portrait = draw_captions(np.full((640, 480, 3), 128, np.uint8), crowd)
    assert portrait.shape[1] > 480


def test_chips_of_a_simple_layout_do_not_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    placed: list[Rect] = []

    def record(picture, chip, corner, font, color) -> None:
        placed.append(Rect(*corner, corner[0] + chip.size[0], corner[1] + chip.size[1]))

    monkeypatch.setattr(captions, 'draw_chip', record)
    draw_captions(GRAY, [box(20, 60, 200, 200), box(300, 60, 500, 200), box(20, 300, 200, 460)])
    assert len(placed) == 3
    assert all(chip.inside(Rect(0, 0, 640, 480)) for chip in placed)
    assert placed[0].overlap(placed[1]) == placed[1].overlap(placed[2]) == 0


def test_drawing_is_deterministic_and_leaves_the_picture() -> None:
    before = GRAY.copy()
    shapes = list(SHAPES.values())
    assert (draw_captions(GRAY, shapes) == draw_captions(GRAY, shapes)).all()
    assert (before == GRAY).all()


@pytest.mark.parametrize(
    'shape',
    [
        box(-50, -50, 20, 20),
        box(600, 400, 9000, 9000),
        box(-1e8, -1e8, 1e8, 1e8),
        box(5, 5, 5, 5),
        box(0, 0, 640, 480),
        RegionShape('trace', 'x', points=np.array([[-30.0, 10], [30, 10], [700, 900]])),
        RegionShape('trace', 'x', points=np.array([[10.0, 10]])),
        RegionShape('trace', 'x', points=np.array([[10.0, 10], [10, 10]])),
        RegionShape('point', 'x', points=np.array([[639.9, 0.0]])),
        box(10, 10, 90, 90, text=''),
        box(10, 10, 90, 90, text='x' * 500),
        box(10, 10, 90, 90, text='猫の目 😀 \n\t line'),
    ],
)
@pytest.mark.parametrize('image', [GRAY, GRAY[:3], GRAY[:, :3], GRAY[:1, :1]])
def test_shapes_and_pictures_of_any_form(shape: RegionShape, image: np.ndarray) -> None:
    assert draw_captions(image, [shape]).dtype == np.uint8


def test_no_shape_at_all() -> None:
    assert (draw_captions(GRAY, []) == GRAY).all()


@pytest.mark.parametrize('image', [GRAY[..., 0], GRAY.astype(float), GRAY[:0]])
def test_what_is_no_picture(image: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r'image: expected \(H, W, 3\) uint8'):
        draw_captions(image, [])


def test_shape_without_coordinates() -> None:
    with pytest.raises(ValueError, match="kind 'box' needs boxes or points"):
        RegionShape('box', 'a cat')
