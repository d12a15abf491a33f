"""Evaluation by its command: tasks, protocols, resuming, processes, refusals."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image
from tiny_captioner import WORDS, add_test_loader, colours, tiny_config, tiny_detector_config

from mmpatchioner.evaluation.row_file import read_rows
from mmpatchioner.models.captioners import DenseCaptioner
from tests.commands import load_tool

ROOT = Path(__file__).parents[2]
NUM_IMAGES = 7
TASKS = {
    'dense': ('DenseCaptionDataset', 'DenseCaptionMetric'),
    'region_set': ('RegionSetCaptionDataset', 'RegionSetCaptionMetric'),
    'trace': ('TraceCaptionDataset', 'TraceCaptionMetric'),
    'image': ('ImageCaptionDataset', 'ImageCaptionMetric'),
}
REGIONS = {
    'dense': [dict(bbox=[2, 3, 30, 20]), dict(bbox=[25, 10, 47, 35])],
    'region_set': [dict(bboxes=[[2, 3, 30, 20], [25, 10, 47, 35]])],
    'trace': [dict(points=[[0.1, 0.1], [0.5, 0.4]])],
}


test_tool = load_tool('test')
test_tool.__test__ = False  # a module called test is not a test


@pytest.fixture
def no_java(monkeypatch):
    monkeypatch.setenv('PATH', '')
    monkeypatch.delenv('JAVA_HOME', raising=False)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Photos of which each looks different, and their annotations, in the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'photos').mkdir()
    for index in range(NUM_IMAGES):
        Image.fromarray(colours(40, 48, seed=index)).save(tmp_path / 'photos' / f'{index}.png')
    for task in TASKS:
        lines = []
        for index in range(NUM_IMAGES):
            words = [f'a {WORDS[(index + i) % len(WORDS)]}' for i in range(2)]
            line = dict(image=f'{index}.png', height=40, width=48)
            if task == 'image':
                line['captions'] = words
            else:
                line['regions'] = [
                    region | dict(captions=[word])
                    for region, word in zip(REGIONS[task], words, strict=False)
                ]
            lines.append(json.dumps(line))
        (tmp_path / f'{task}.jsonl').write_text('\n'.join(lines))
    return tmp_path


def write_config(task, **changes):
    """A config of the task for a captioner with random weights, which are the same in every process."""
    dataset, metric = TASKS[task]
    cfg = tiny_config()
    add_test_loader(cfg, dataset, f'{task}.jsonl', 'photos', batch_size=2)
    cfg.test_evaluator = dict(type=f'mmpatchioner.{metric}', meteor=False)
    cfg.test_cfg = dict(type='TestLoop')
    cfg.custom_imports = dict(imports=['tiny_captioner'])
    cfg.merge_from_dict(changes)
    path = Path(f'{task}.py')
    cfg.dump(path)
    return str(path)


def run(*arguments):
    import torch

    torch.manual_seed(0)
    return test_tool.main([str(argument) for argument in arguments])


@pytest.mark.parametrize('task', TASKS)
def test_every_task_is_captioned_and_scored(no_java, capsys, task):
    assert run(write_config(task), '--out', 'preds.jsonl', '--work-dir', 'work') == 0
    scores = json.loads(Path('work/scores.json').read_text())
    assert (scores['task'], scores['num_images']) == (task, NUM_IMAGES)
    assert 0 <= scores['CIDEr'] <= 10
    if task == 'dense':
        # All boxes are given; of a photo's two, which overlap little, none is merged away.
        assert scores['detmap'] == pytest.approx(1.0)
    header, rows = read_rows('preds.jsonl')
    assert header['task'] == task
    assert [row['image_id'] for row in rows] == [f'{index}.png' for index in range(NUM_IMAGES)]
    assert len({p['caption'] for row in rows for p in row['predictions']}) > 1
    assert 'CIDEr' in capsys.readouterr().out
    assert not list(Path().glob('*.part-*'))


def test_captions_do_not_depend_on_the_batch(no_java):
    config = write_config('dense')
    assert run(config, '--out', 'two.jsonl') == 0
    assert run(config, '--out', 'three.jsonl', '--cfg-options', 'test_dataloader.batch_size=3') == 0
    (_, two), (_, three) = read_rows('two.jsonl'), read_rows('three.jsonl')
    for a, b in zip(two, three, strict=True):
        for first, second in zip(a['predictions'], b['predictions'], strict=True):
            assert first['caption'] == second['caption']
            assert first['score'] == pytest.approx(second['score'], abs=1e-5)


def test_a_stopped_evaluation_goes_on_to_the_same_bytes(no_java, monkeypatch):
    config = write_config('dense')
    assert run(config, '--out', 'whole.jsonl', '--work-dir', 'whole') == 0
    captioned = []
    predict = DenseCaptioner.predict

    def stop_after_two_batches(self, inputs, samples, patch_inputs):
        if len(captioned) == 4:
            raise KeyboardInterrupt
        captioned.extend(sample.img_id for sample in samples)
        return predict(self, inputs, samples, patch_inputs)

    with monkeypatch.context() as patch:
        patch.setattr(DenseCaptioner, 'predict', stop_after_two_batches)
        with pytest.raises(KeyboardInterrupt):
            run(config, '--out', 'preds.jsonl')
    assert not Path('preds.jsonl').exists()

    def count(self, inputs, samples, patch_inputs):
        captioned.extend(sample.img_id for sample in samples)
        return predict(self, inputs, samples, patch_inputs)

    monkeypatch.setattr(DenseCaptioner, 'predict', count)
    assert run(config, '--out', 'preds.jsonl', '--resume-eval', '--work-dir', 'resumed') == 0
    assert captioned == [f'{index}.png' for index in range(NUM_IMAGES)]  # each once
    assert Path('preds.jsonl').read_bytes() == Path('whole.jsonl').read_bytes()
    whole, resumed = (json.loads(Path(w, 'scores.json').read_text()) for w in ('whole', 'resumed'))
    assert whole | {'seconds': 0} == resumed | {'seconds': 0}


def test_a_finished_evaluation_is_scored_again_without_the_model(no_java, monkeypatch):
    config = write_config('image')
    assert run(config, '--out', 'preds.jsonl') == 0
    monkeypatch.setattr(DenseCaptioner, 'predict', None)
    assert run(config, '--out', 'preds.jsonl', '--resume-eval', '--work-dir', 'again') == 0
    assert json.loads(Path('again/scores.json').read_text())['num_images'] == NUM_IMAGES


@pytest.mark.parametrize(
    'change',
    [
        {'model.caption_head.context': 0.5},
        {'test_dataloader.batch_size': 3},
        {'test_dataloader.dataset.indices': 3},
    ],
)
def test_captions_of_another_config_are_not_mixed_in(no_java, capsys, change):
    assert run(write_config('dense'), '--out', 'preds.jsonl') == 0
    before = Path('preds.jsonl').read_bytes()
    assert run(write_config('dense', **change), '--out', 'preds.jsonl', '--resume-eval') == 2
    assert 'was written by another evaluation' in capsys.readouterr().err
    assert Path('preds.jsonl').read_bytes() == before


def test_captions_of_changed_annotations_are_not_mixed_in(no_java, capsys):
    config = write_config('image')
    assert run(config, '--out', 'preds.jsonl') == 0
    text = Path('image.jsonl').read_text()
    Path('image.jsonl').write_text(text.replace('a cat', 'a cow'))
    assert run(config, '--out', 'preds.jsonl', '--resume-eval') == 2
    assert 'was written by another evaluation' in capsys.readouterr().err


def test_boxes_of_a_detector_take_the_place_of_the_given_ones(no_java):
    tiny_detector_config().dump('detector.py')
    changes = {'model.caption_head.score_mode': 'product', 'model.max_per_img': 3}
    config = write_config('dense', **changes)
    assert run(config, '--detector', 'detector.py', '--out', 'p.jsonl', '--work-dir', 'work') == 0
    assert json.loads(Path('work/scores.json').read_text())['protocol'] == 'found'
    _, rows = read_rows('p.jsonl')
    assert all(0 < len(row['predictions']) <= 3 for row in rows)
    assert all(len(row['ground_truth']) == 2 for row in rows)


def test_pictures_are_drawn(no_java):
    config = write_config('dense', **{'test_dataloader.dataset.indices': 2})
    assert run(config, '--show-dir', 'shown') == 0
    pictures = sorted(Path('shown').rglob('*.*'))
    assert len(pictures) == 2
    assert np.asarray(Image.open(pictures[0])).std() > 10


def test_the_released_way_is_an_option(no_java):
    config = write_config('region_set')
    args = test_tool.parse_args([config, '--compat', 'official'])
    assert test_tool.load_config(args).model.caption_head.compat == 'official'
    assert run(config, '--compat', 'official') == 0


def test_the_released_way_reaches_every_part_that_knows_it():
    config = ROOT / 'configs/patchioner/patchioner_clip-b16_invite_memory_coco.py'
    model = Config.fromfile(config).model
    test_tool.set_compat(model, 'official')
    assert model.neck.compat == model.caption_head.compat == 'official'
    assert 'compat' not in model.caption_head.decoder


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['nowhere.py'], 'nowhere.py: no such config file'),
        (['bare.py'], 'not a test config, it lacks test_dataloader'),
        (['dense.py', 'nowhere.pth'], 'nowhere.pth: expected a file of weights'),
        (['dense.py', 'talk2dino-decapp-coco'], 'a published checkpoint (talk2dino-decap-coco, '),
        (['dense.py', 'photos'], 'config.yaml among them'),
        (['dense.py', '--detector', 'nothing-like-it'], 'detector:'),
        (
            ['dense.py', '--cfg-options', 'test_dataloader.dataset.data_prefix.img=elsewhere'],
            'are missing, the first is',
        ),
        (
            ['dense.py', '--cfg-options', 'test_dataloader.dataset.ann_file=no.jsonl'],
            'no.jsonl',
        ),
        (
            ['dense.py', '--cfg-options', 'test_evaluator.type=mmpatchioner.LossMetric'],
            'LossMetric',
        ),
    ],
)
def test_what_can_not_be_used_ends_with_one_line(no_java, capsys, arguments, message):
    write_config('dense')
    Path('bare.py').write_text('model = dict()')
    assert run(*arguments) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith('test.py: error:')
    assert message in error


def test_resuming_needs_a_file(capsys):
    with pytest.raises(SystemExit, match='2'):
        run(write_config('dense'), '--resume-eval')
    assert '--resume-eval needs --out' in capsys.readouterr().err


@pytest.fixture(scope='session')
def free_port():
    """A port that nobody listens on, as text."""
    with socket.socket() as probe:
        probe.bind(('localhost', 0))
        return str(probe.getsockname()[1])


def seeded(*arguments):
    """Arguments of ``subprocess`` for the tool with the same random weights in every process."""
    code = (
        'import runpy, sys, torch; torch.manual_seed(0); '
        'runpy.run_path(sys.argv.pop(1), run_name="__main__")'
    )
    paths = [str(ROOT), str(ROOT / 'tests' / 'test_apis')]
    environment = os.environ | {'PYTHONPATH': os.pathsep.join(paths), 'OMP_NUM_THREADS': '1'}
    command = [sys.executable, '-c', code, str(ROOT / 'tools' / 'test.py'), *arguments]
    return dict(args=command, env=environment)


def test_a_killed_process_is_gone_on_with():
    config = write_config('image', **{'test_dataloader.batch_size': 1})
    assert subprocess.run(**seeded(config, '--out', 'whole.jsonl')).returncode == 0
    process = subprocess.Popen(**seeded(config, '--out', 'preds.jsonl'))
    part = Path('preds.jsonl.part-0-of-1')
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if part.exists() and part.read_bytes().count(b'\n') > 2:
            process.send_signal(signal.SIGKILL)
        time.sleep(0.001)
    assert process.wait() == -signal.SIGKILL
    assert not Path('preds.jsonl').exists()
    assert subprocess.run(**seeded(config, '--out', 'preds.jsonl', '--resume-eval')).returncode == 0
    assert Path('preds.jsonl').read_bytes() == Path('whole.jsonl').read_bytes()


def test_two_processes_share_the_images(free_port):
    config = write_config('dense', **{'test_dataloader.batch_size': 1})
    assert (
        subprocess.run(**seeded(config, '--out', 'one.jsonl', '--work-dir', 'one')).returncode == 0
    )
    ranks = []
    for rank in range(2):
        run = seeded(
            config, '--out', 'two.jsonl', '--work-dir', 'two', '--launcher', 'pytorch',
            '--cfg-options', 'test_evaluator.collect_dir=gathered',
        )  # fmt: skip
        place = dict(RANK=rank, LOCAL_RANK=rank, WORLD_SIZE=2, MASTER_ADDR='localhost')
        run['env'] |= {k: str(v) for k, v in place.items()} | {'MASTER_PORT': free_port}
        ranks.append(subprocess.Popen(**run))
    assert [process.wait(timeout=300) for process in ranks] == [0, 0]
    assert Path('two.jsonl').read_bytes() == Path('one.jsonl').read_bytes()
    one, two = (json.loads(Path(w, 'scores.json').read_text()) for w in ('one', 'two'))
    assert one | {'seconds': 0} == two | {'seconds': 0}
