"""Which picture stands for a region in the metrics of CLIP."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mmpatchioner.evaluation.clip_rows import ClipRows


class Recorder:
    """In place of a ClipScorer: keeps what it is shown."""

    def __init__(self):
        self.calls = []

    def scores(self, images, candidates, references=None):
        self.calls.append(([np.asarray(image) for image in images], candidates, references))
        names = ['CLIP-S', 'PAC-S'] + (['RefPAC-S'] if references else [])
        return dict.fromkeys(names, 0.25 * len(self.calls))


@pytest.fixture
def scorer(tmp_path):
    """Scores rows of a grey photo of 80 x 60 pixels."""
    Image.new('RGB', (80, 60), (128, 128, 128)).save(tmp_path / 'photo.png')
    rows = ClipRows(image_root=tmp_path)
    rows.scorer = Recorder()
    return rows


def row(**geometry):
    return {
        'image_id': '1',
        'file_name': 'photo.png',
        'predictions': [{'caption': 'a dog', 'score': 0.0, **geometry}],
        'ground_truth': [{'captions': ['a cat', 'the cat'], **geometry}],
    }


def is_red(pixels):
    """Which are clearly redder than grey; JPEG spreads the colour of thin lines."""
    channels = pixels.astype(int)
    return channels[..., 0] - channels[..., 1] > 40


def test_a_box_is_drawn_and_cut_out(scorer):
    scores = scorer('dense', [row(bbox=[20, 10, 60, 40])])
    assert scores == {
        'CLIP-S': 0.25, 'PAC-S': 0.25, 'RefPAC-S': 0.25, 'CLIP-S_cropped': 0.5, 'PAC-S_cropped': 0.5,
    }  # fmt: skip
    (drawn, texts, references), (cropped, _, none) = scorer.scorer.calls
    assert (texts, references, none) == (['a dog'], [['a cat', 'the cat']], None)
    red = is_red(drawn[0])
    assert red[10, 20:60].all() and red[10:40, 20].all()
    assert not red[20:30, 30:50].any() and not red[:, 70:].any()
    assert cropped[0].shape == (30, 40, 3)


def test_all_boxes_of_a_set_are_drawn(scorer):
    scorer('region_set', [row(bboxes=[[5, 5, 25, 25], [50, 30, 70, 50]])])
    red = is_red(scorer.scorer.calls[0][0][0])
    assert red[5, 5:25].all() and red[30, 50:70].all()


def test_a_trace_is_drawn_as_dots(scorer):
    scorer('trace', [row(points=[[0.25, 0.5], [1.5, 0.5]])])
    pixels = scorer.scorer.calls[0][0][0].astype(int)
    assert pixels[30, 20, 0] - pixels[30, 20, 1] > 50
    assert abs(pixels[30, 40] - 128).max() < 12


def test_a_whole_image_is_shown_as_it_is(scorer):
    scorer('image', [row()])
    assert (scorer.scorer.calls[0][0][0] == 128).all()


def test_a_missing_image_is_named(scorer, tmp_path):
    (tmp_path / 'photo.png').unlink()
    with pytest.raises(FileNotFoundError, match=r'photo\.png: no such image.*image_root'):
        scorer('image', [row()])
