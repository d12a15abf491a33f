"""Precision-recall curves are drawn as they were computed, to a whole file or none."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mmpatchioner.evaluation.functional import dense_captioning_map, match_image
from mmpatchioner.visualization.pr_curves import draw_pr_curves, save_pr_curves

BOXES = [(0, 0, 10, 10), (20, 0, 30, 10), (40, 0, 50, 10)]


@pytest.fixture
def images():
    return [match_image(BOXES[:2], [0.9, 0.8], ['a', 'b'], BOXES, ['a', 'b', 'c'])]


@pytest.fixture
def result(images):
    return dense_captioning_map(images, lambda pairs: [0.12, 0.3])


def test_a_panel_for_every_iou_and_a_curve_for_every_meteor(result):
    figure = draw_pr_curves(result)
    assert [panel.get_title() for panel in figure.axes] == [
        f'IoU \u2265 {iou}' for iou in (0.3, 0.4, 0.5, 0.6, 0.7)
    ]
    lines = figure.axes[2].get_lines()
    assert [line.get_label() for line in lines] == [
        '> 0: 67.0', '> 0.05: 67.0', '> 0.1: 67.0', '> 0.15: 17.0', '> 0.2: 17.0', '> 0.25: 17.0',
        'any text: 67.0',
    ]  # fmt: skip
    recalls, precisions = lines[3].get_data()
    expected = result.curve(0.5, 0.15)
    assert np.array_equal(recalls, expected[0]) and np.array_equal(precisions, expected[1])
    assert 'mAP 42.00' in figure.get_suptitle()


def test_regions_alone_have_one_curve(images):
    figure = draw_pr_curves(dense_captioning_map(images, None))
    assert [len(panel.get_lines()) for panel in figure.axes] == [1] * 5
    assert 'mAP' not in figure.get_suptitle()


def test_empty_result_is_drawn():
    assert len(draw_pr_curves(dense_captioning_map([], None)).axes) == 5


@pytest.mark.parametrize('name', ['curves.png', 'sub/curves.PNG'])
def test_picture_is_written(result, tmp_path, name):
    save_pr_curves(result, tmp_path / name)
    with Image.open(tmp_path / name) as picture:
        assert picture.width > 1000
        assert len(picture.convert('RGB').getcolors(1 << 20)) > 20
    assert [path.name for path in (tmp_path / name).parent.iterdir()] == [(tmp_path / name).name]


def test_ending_names_the_format(result, tmp_path):
    save_pr_curves(result, tmp_path / 'curves.svg')
    assert '<svg' in (tmp_path / 'curves.svg').read_text()
    with pytest.raises(ValueError, match=r'path: expected an ending of .*png.*, got .*curves\.doc'):
        save_pr_curves(result, tmp_path / 'curves.doc')
    assert [path.name for path in tmp_path.iterdir()] == ['curves.svg']


def test_pyplot_is_not_touched(result, tmp_path):
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    save_pr_curves(result, tmp_path / 'curves.png')
    assert pyplot.get_fignums() == before
