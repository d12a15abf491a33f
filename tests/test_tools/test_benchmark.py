"""The benchmark measures what it says: same results on both sides, captions of real length."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch.nn.functional import normalize

TOOLS = Path(__file__).parents[2] / 'tools'
TINY = ['--tiny', '--threads', '1', '--repeats', '1']


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """Import a module of the benchmark."""
    monkeypatch.syspath_prepend(TOOLS)
    monkeypatch.setattr(import_module('benchmarks.timing'), '_ENOUGH_SECONDS', 0.0)
    threads = torch.get_num_threads()
    yield import_module
    torch.set_num_threads(threads)


@pytest.fixture
def no_java(tmp_path, monkeypatch):
    monkeypatch.setenv('PATH', str(tmp_path))
    monkeypatch.delenv('JAVA_HOME', raising=False)


def test_every_row_is_measured_and_equal(tool, tmp_path, no_java, capsys):
    begin, end = tool('benchmarks.report').BEGIN, tool('benchmarks.report').END
    page, figures = tmp_path / 'page.md', tmp_path / 'figures.csv'
    page.write_text(f'# Title\n\n{begin}\nold table\n{end}\n\nAfterwards.\n')

    assert tool('benchmark').main([*TINY, '--out', str(page), str(figures)]) == 0

    with figures.open() as file:
        rows = list(csv.DictReader(file))
    assert [row['what'] for row in rows] == [
        'decode, 1 region',
        'decode, 3 regions',
        'decode, 12 regions',
        'memory of 500 rows, 9 regions',
        'pooling, 12 boxes on 8 x 8 patches',
        'image with 8 boxes, end to end',
        'head, 12 boxes',
        'average precision, 230 predictions',
        'average precision, 2,300 predictions',
    ]
    assert 'meteor: skipped. Java was not found' in capsys.readouterr().out
    assert all(row['equal'] == 'True' for row in rows)
    assert all(float(row['ratio']) > 0 for row in rows)
    text = page.read_text()
    assert text.startswith(f'# Title\n\n{begin}\n') and text.endswith(f'{end}\n\nAfterwards.\n')
    assert 'old table' not in text
    assert all(f'| {row["what"]} |' in text for row in rows)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['figures.csv', 'page.md']


def test_only_the_rows_asked_for(tool, tmp_path):
    figures = tmp_path / 'figures.csv'
    assert tool('benchmark').main([*TINY, '--rows', 'pooling', '--out', str(figures)]) == 0
    assert len(figures.read_text().splitlines()) == 2


def test_meteor_is_measured_where_there_is_java(tool, tmp_path, monkeypatch, capsys):
    pytest.importorskip('pycocoevalcap.spice')
    java = tmp_path / 'java'
    fake = Path(__file__).parents[1] / 'test_evaluation' / 'test_functional' / 'fake_java.py'
    java.write_text(f'#!{sys.executable} -IS\n{fake.read_text()}')
    java.chmod(0o755)
    jar = tmp_path / 'meteor-1.5.jar'
    jar.touch()
    monkeypatch.setenv('PATH', f'{tmp_path}{os.pathsep}{os.environ["PATH"]}')
    monkeypatch.setenv('FAKE_JAVA_LOG', str(tmp_path / 'log.txt'))
    monkeypatch.setenv('MMPATCHIONER_METEOR_JAR', str(jar))
    assert tool('benchmark').main([*TINY, '--rows', 'meteor']) == 0
    shown = capsys.readouterr().out
    assert 'METEOR, 40 phrases of COCO captions, twice' in shown
    assert 'same scores to 1e-12' in shown and 'DIFFERS' not in shown
    log = (tmp_path / 'log.txt').read_text()
    assert log.count('EVAL') == 81


def test_other_texts_fail_the_benchmark(tool, monkeypatch, capsys):
    monkeypatch.setattr(tool('benchmarks.rows'), 'copy_weights', lambda source, target: None)
    assert tool('benchmark').main([*TINY, '--rows', 'decode']) == 1
    assert 'DIFFERS, expected same texts' in capsys.readouterr().out


def test_a_page_without_marks_is_refused_before_measuring(tool, tmp_path, capsys):
    page = tmp_path / 'page.md'
    page.write_text('somebody else wrote this')
    with pytest.raises(SystemExit):
        tool('benchmark').main([*TINY, '--out', str(page)])
    assert 'between which the table goes' in capsys.readouterr().err
    assert page.read_text() == 'somebody else wrote this'


@pytest.mark.parametrize('row', ['nonsense', 'decode,memory'])
def test_unknown_rows_are_refused(tool, row, capsys):
    with pytest.raises(SystemExit):
        tool('benchmark').main(['--rows', row])
    assert (
        'decode, memory, pooling, image, scaling, average_precision, meteor'
        in capsys.readouterr().err.replace("'", '')
    )


def test_captions_end_where_planned_whatever_the_order(tool):
    networks = tool('benchmarks.networks')
    sizes = networks.Sizes.tiny()
    generator = torch.Generator().manual_seed(0)
    embeddings = normalize(torch.randn(10, sizes.hidden, generator=generator), dim=1)
    planned = torch.tensor([3, 25, 8, 8, 12, 10, 9, 14, 20, 5])
    decoder = networks.published_decoder(sizes, embeddings, planned)

    order = torch.randperm(10, generator=generator)
    ids = decoder.decode(embeddings[order])

    assert (ids[:, 0] == sizes.start_id).all()
    assert (ids == sizes.end_id).int().argmax(dim=1).equal(planned[order])
    said = ids[(ids != sizes.end_id) & (ids != sizes.start_id)]
    assert len(said.unique()) > 5


def test_lengths_are_those_of_coco(tool):
    coco_lengths = tool('benchmarks.caption_lengths').coco_lengths
    lengths = coco_lengths(1000)
    assert lengths.float().mean().item() == pytest.approx(11.3, abs=0.1)
    assert (lengths.min(), lengths.max()) == (7, 20)
    assert coco_lengths(8).sort().values.tolist() == [9, 9, 10, 11, 11, 12, 13, 15]
