"""Pictures of the annotations of a dataset."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.commands import load_tool

REGIONS = {
    'dense': [{'bbox': [4, 4, 30, 20], 'captions': ['a cat', 'the cat']}],
    'region_set': [
        {'bboxes': [[4, 4, 30, 20], [40, 30, 60, 44]], 'captions': ['two things']},
        {'bboxes': [], 'captions': ['everything']},
    ],
    'trace': [{'points': [[0.1, 0.1], [0.5, 0.8], [1.2, 0.5]], 'captions': ['a path', '']}],
    'image': None,
}


@pytest.fixture(scope='module')
def browse():
    return load_tool('analysis_tools/browse_dataset')


@pytest.fixture
def photos(tmp_path) -> Path:
    folder = tmp_path / 'photos'
    folder.mkdir()
    for index in range(3):
        Image.new('RGB', (64, 48), (40, 80 * index, 120)).save(folder / f'{index}.png')
    return folder


def annotations(folder: Path, task: str) -> Path:
    regions = REGIONS[task]
    content = {'captions': ['a photo', 'another']} if regions is None else {'regions': regions}
    path = folder / f'{task}.jsonl'
    path.write_text('\n'.join(json.dumps({'image': f'{i}.png', **content}) for i in range(3)))
    return path


@pytest.mark.parametrize('task', list(REGIONS))
def test_every_task_is_drawn(browse, photos, tmp_path, task, capsys):
    out = tmp_path / 'out'
    source = annotations(tmp_path, task)
    command = [str(source), '--task', task, '--images', str(photos), '--out-dir', str(out)]
    assert browse.main([*command, '--num', '2', '--all-captions']) == 0
    assert sorted(path.name for path in out.iterdir()) == ['00000_0.jpg', '00001_1.jpg']
    with Image.open(out / '00000_0.jpg') as picture:
        assert np.asarray(picture).std() > 5  # the photo is one colour: something was drawn on it
        assert max(picture.size) >= 640
    assert '2 of 3 images drawn' in capsys.readouterr().out


def test_a_config_names_the_dataset(browse, photos, tmp_path):
    config = tmp_path / 'config.py'
    config.write_text(
        f"""test_dataloader = dict(dataset=dict(
            type='mmpatchioner.DenseCaptionDataset',
            ann_file={str(annotations(tmp_path, 'dense'))!r},
            data_prefix=dict(img={str(photos)!r}),
            pipeline=[dict(type='LoadImageFromFile')]))"""
    )
    out = tmp_path / 'out'
    assert browse.main([str(config), '--out-dir', str(out), '--indices', '2']) == 0
    assert [path.name for path in out.iterdir()] == ['00002_2.jpg']


def test_a_seed_draws_the_same_images_again(browse, photos, tmp_path):
    source = annotations(tmp_path, 'dense')
    names = []
    for run in ('one', 'two'):
        out = tmp_path / run
        arguments = ['--task', 'dense', '--images', str(photos), '--out-dir', str(out)]
        assert browse.main([str(source), *arguments, '--seed', '5', '--num', '2']) == 0
        names.append(sorted(path.name for path in out.iterdir()))
    assert names[0] == names[1]
    assert len(names[0]) == 2


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--indices', '7'], '--indices: expected 0 to 2, got 7'),
        (['--images', 'nowhere'], '3 of 3 images are missing'),
        (['--format', 'grit'], 'dense.jsonl, line 2: expected JSON'),
    ],
)
def test_what_can_not_be_drawn_ends_with_status_2(
    browse, photos, tmp_path, capsys, arguments, message
):
    source = annotations(tmp_path, 'dense')
    defaults = ['--task', 'dense', '--images', str(photos), '--out-dir', str(tmp_path / 'out')]
    assert browse.main([str(source), *defaults, *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


def test_an_annotation_file_needs_a_task(browse, tmp_path, capsys):
    with pytest.raises(SystemExit):
        browse.main(['a.json', '--out-dir', str(tmp_path)])
    assert '--task is needed' in capsys.readouterr().err


def test_a_config_of_something_else_is_refused(browse, tmp_path, capsys):
    config = tmp_path / 'config.py'
    config.write_text('model = dict()')
    assert browse.main([str(config), '--out-dir', str(tmp_path)]) == 2
    assert 'it lacks test_dataloader' in capsys.readouterr().err
