"""Scores as they are printed and written."""

from __future__ import annotations

import json

import pytest
from rich.console import Console

from mmpatchioner.evaluation.functional.scoring import ScoreReport
from mmpatchioner.evaluation.report import print_report, write_report


@pytest.fixture
def report():
    return ScoreReport(
        'dense',
        'given',
        scores={'map': 0.12345, 'CIDEr': 0.365},
        details={'num_images': 2, 'num_regions': 5, 'num_predictions': 4},
        skipped={'SPICE': 'it needs [CoreNLP]'},
        cells={'0.3': {'off': 0.5, '0': 0.25}, '0.7': {'off': 0.4, '0': 0.125}},
    )


def test_scores_are_printed_as_papers_do(report):
    console = Console(width=100, record=True, file=None)
    with console.capture() as capture:
        print_report(report, console)
    text = capture.get()
    assert 'Dense captioning' in text
    assert '12.35' in text and '12.345' not in text
    assert '36.5' in text
    assert '12.50' in text and 'METEOR off' in text  # a cell of the mAP
    assert '2 images, 5 annotated regions, 4 captions of given regions' in text
    assert 'SPICE was not computed: it needs [CoreNLP]' in text


def test_the_file_has_every_digit_and_what_it_belongs_to(report, tmp_path):
    write_report(report, tmp_path / 'out' / 'scores.json', config='a.py')
    content = json.loads((tmp_path / 'out' / 'scores.json').read_text())
    assert content['map'] == 0.12345
    assert (content['config'], content['task'], content['num_regions']) == ('a.py', 'dense', 5)
    assert content['skipped'] == report.skipped
