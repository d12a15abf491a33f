"""Scores of prediction files by the command: formats, options, refusals; without Java but for one test."""

from __future__ import annotations

import importlib.util
import json
import shutil
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmpatchioner.evaluation.functional.meteor import Meteor
from mmpatchioner.evaluation.row_file import RowFile
from tests.commands import load_tool
from tests.test_evaluation.tiny_clip import save_tiny_clip

ROOT = Path(__file__).parents[2]
FAST = ['--no-meteor', '--metrics', 'rouge']


eval_captions = load_tool('eval_captions')

BOXES = [[10, 20, 40, 60], [50, 5, 90, 70]]
ANNOTATIONS = {
    'images': [
        {'id': 7, 'file_name': '7.jpg', 'width': 100, 'height': 80},
        {'id': 8, 'file_name': '8.jpg', 'width': 100, 'height': 80},
    ],
    'annotations': [
        {'id': 1, 'image_id': 7, 'bbox': BOXES[0], 'caption': 'a dog'},
        {'id': 2, 'image_id': 7, 'bbox': BOXES[1], 'caption': 'a red cat'},
        {'id': 3, 'image_id': 8, 'bbox': BOXES[0], 'caption': 'a boat'},
    ],
}
PREDICTIONS = {
    '7': [
        {'bbox': BOXES[0], 'caption': 'a dog', 'score': 0.9},
        {'bbox': BOXES[1], 'caption': 'a cat', 'score': 0.8},
    ],
    '8': [{'bbox': [60, 60, 90, 75], 'caption': 'a tree', 'score': 0.95}],
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write('ann.json', ANNOTATIONS)
    write('pred.json', PREDICTIONS)
    return tmp_path


@pytest.fixture
def no_java(monkeypatch):
    monkeypatch.setenv('PATH', '')
    monkeypatch.delenv('JAVA_HOME', raising=False)


def write(name, content):
    Path(name).write_text(json.dumps(content))
    return name


def scores(*arguments, predictions='pred.json'):
    assert eval_captions.main([predictions, *arguments]) == 0
    return json.loads(Path(predictions).with_suffix('.scores.json').read_text())


def refused(capsys, *arguments):
    assert eval_captions.main(list(arguments)) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith('eval_captions.py: error: ')
    assert captured.err.count('\n') == 1
    return captured.err


def record(name, *pairs):
    """A file of recorded METEOR in which a text agrees with its reference in all words or in none."""
    entries = []
    for hypothesis, reference in pairs:
        length, length_ref = len(hypothesis.split()), len(reference.split())
        same = length if hypothesis == reference else 0
        # Lengths, function words, matches of four kinds, chunks, matched words.
        statistics = [length, length_ref, 0, 0, same, same, *[0] * 14, int(same > 0), same, same]
        entries.append({'pair': [reference, hypothesis], 'statistics': statistics})
    return write(name, {'format': 'meteor-1.5 statistics', 'pairs': entries})


def test_boxes_without_meteor(capsys):
    result = scores('ann.json', '--task', 'dense', *FAST)
    assert 'map' not in result
    # Ranked: a miss, then two hits, of three annotated boxes.
    expected = (34 * 2 / 3 + 33 * 2 / 3) / 100
    assert result['detmap'] == pytest.approx(expected, abs=1e-6)
    assert (result['npos'], result['n_records'], result['protocol']) == (3, 3, 'found')
    assert set(result['det_breakdown']) == {f'iou_{iou}' for iou in (0.3, 0.4, 0.5, 0.6, 0.7)}
    output = capsys.readouterr().out
    assert 'detmap' in output
    assert 'pred.scores.json' in output


def test_variants_and_counted_images():
    write('pred.json', {'7': PREDICTIONS['7']})
    strict = scores('ann.json', '--task', 'dense', *FAST, '--variant', 'lua')
    published = scores('ann.json', '--task', 'dense', *FAST, '--published-npos', '--out', 'o.json')
    assert published == strict  # the file beside the predictions is still that of the first run
    published = json.loads(Path('o.json').read_text())
    assert (strict['variant'], strict['npos'], published['npos']) == ('lua', 3, 2)
    assert published['detmap'] == 1
    assert strict['noticed'] == {'images without a prediction': 1}


def test_recorded_meteor():
    pairs = [('a dog', 'a dog'), ('a cat', 'a red cat'), ('a tree', 'a boat')]
    path = record('meteor.json', *pairs)
    result = scores('ann.json', '--task', 'dense', '--recorded-meteor', path, '--metrics', 'rouge')
    assert len(result['ap_breakdown']) == 30
    assert 0 < result['map'] < result['detmap']
    assert result['map'] == pytest.approx(np.mean(list(result['ap_breakdown'].values())))


def test_recorded_meteor_that_lacks_a_pair(capsys):
    path = record('meteor.json', ('a', 'b'))
    assert 'has no score' in refused(
        capsys, 'pred.json', 'ann.json', '--task', 'dense', '--recorded-meteor', path
    )
    assert '--recorded-meteor' in refused(
        capsys, 'pred.json', 'ann.json', '--task', 'dense', '--recorded-meteor', 'ann.json'
    )


def test_without_java_the_rest_is_computed(no_java, capsys):
    result = scores('ann.json', '--task', 'dense')
    assert 'detmap' in result
    assert 'map' in result['skipped']
    assert 'map was not computed' in capsys.readouterr().out


@pytest.fixture(scope='module')
def java_meteor():
    """One process for all cases."""
    if shutil.which('java') is None or importlib.util.find_spec('pycocoevalcap') is None:
        pytest.skip('needs Java and pycocoevalcap')
    with Meteor() as meteor:
        yield meteor


@pytest.mark.parametrize('variant', ['port', 'lua'])
def test_cases_of_both_evaluators(shared_data, java_meteor, monkeypatch, variant):
    monkeypatch.setattr(eval_captions, 'Meteor', lambda **_: nullcontext(java_meteor))
    cases = json.loads((shared_data / 'eval/densecap_minicases.json').read_text())
    for case in cases:
        write('ann.json', {key: case[key] for key in ('images', 'annotations')})
        write('pred.json', case['detections'])
        result = scores('ann.json', '--task', 'dense', '--variant', variant, '--metrics')
        expected = case['expected_lua' if variant == 'lua' else 'expected_controlcap']
        assert result['npos'] == expected['npos'], case['name']
        for name in ('map', 'detmap'):
            tolerance = 1e-9 if variant == 'lua' else 1e-6
            assert result[name] == pytest.approx(expected[name], abs=tolerance), case['name']
        assert result['ap_breakdown'] == pytest.approx(expected['ap_breakdown'], abs=1e-6)


def test_curves():
    scores('ann.json', '--task', 'dense', *FAST, '--curves', 'curves.png')
    assert Image.open('curves.png').size[0] > 500


def test_images():
    write('ann.json', {'7': ['a dog', 'the dog'], '8': ['a boat']})
    write('pred.json', [{'image_id': 7, 'caption': 'a dog'}, {'image_id': 8, 'caption': 'a boat'}])
    result = scores('ann.json', '--task', 'image', *FAST)
    assert result['ROUGE_L'] == pytest.approx(1)
    assert (result['task'], result['num_images']) == ('image', 2)


def test_sets_in_the_authors_format():
    write('ann.json', {'391895': {'a dog\nthe dog': [BOXES[0]], 'two cats': [*BOXES]}})
    predictions = {
        'predictions': ['a dog', 'two cats'],
        'gt_captions': ['a dog\nthe dog', 'two cats'],
        'bboxes': [[BOXES[0]], BOXES],
        'img_paths': ['val2014/COCO_val2014_000000391895.jpg'] * 2,
        'config_data': {},
    }
    write('pred.json', predictions)
    assert scores('ann.json', '--task', 'region_set', *FAST)['ROUGE_L'] == pytest.approx(1)


def test_traces_in_two_files():
    for name, image in (('1.json', '7'), ('2.json', '8')):
        write(name, {image: {'captions': ['a dog'], 'traces': [[{'x': 0.1, 'y': 0.2, 't': 0}]]}})
    write('pred.json', {'7': 'a dog', '8': 'a dog'})
    assert scores('1.json', '2.json', '--task', 'trace', *FAST)['num_regions'] == 2


def test_rows_need_no_annotations(capsys):
    row = {
        'image_id': '7',
        'file_name': '7.jpg',
        'predictions': [{'caption': 'a dog'}],
        'ground_truth': [{'captions': ['a dog']}],
    }
    RowFile('rows.jsonl', 'image', 'abc').finish([row])
    assert scores('--task', 'image', *FAST, predictions='rows.jsonl')['num_images'] == 1
    assert 'of the task image' in refused(capsys, 'rows.jsonl', '--task', 'dense')
    assert 'expected a first line' in refused(capsys, 'pred.json', '--task', 'dense')


def test_visual_genome_as_the_original_prepares_it(capsys):
    regions = [{'x': 10, 'y': 20, 'width': 30, 'height': 40, 'phrase': 'A dog.'}]
    write(
        'region_descriptions.json', [{'id': 7, 'regions': regions}, {'id': 9, 'regions': regions}]
    )
    write('image_data.json', [{'image_id': i, 'width': 100, 'height': 80} for i in (7, 9)])
    write('densecap_splits.json', {'test': [7]})
    write('pred.json', {'7': PREDICTIONS['7']})
    options = ['region_descriptions.json', '--task', 'dense', '--split', 'test', *FAST]
    plain = scores(*options)
    assert plain['noticed'] == {'annotations (visual_genome): images of other splits': 1}
    prepared = scores(*options, '--variant', 'lua', '--lua-data')
    assert prepared['detmap'] == plain['detmap'] == 1
    assert '--lua-data: expected' in refused(capsys, 'pred.json', *options, '--lua-data')


def test_clip(tmp_path):
    save_tiny_clip(tmp_path / 'clip')
    (tmp_path / 'val2014').mkdir()
    for name in ('7.jpg', '8.jpg'):
        Image.new('RGB', (64, 48), 'green').save(tmp_path / 'val2014' / name)
    write('ann.json', {'7': ['a dog'], '8': ['a boat']})
    write('pred.json', {'7': 'a dog', '8': 'a cat'})
    result = scores('ann.json', '--task', 'image', *FAST, '--images', '.', '--clip', 'clip')
    assert 0 <= result['CLIP-S'] <= 2.5
    assert 0 <= result['RefCLIP-S'] <= 1


def shifted(boxes):
    return [[x1, y1, x2 - x1, y2 - y1] for x1, y1, x2, y2 in boxes]


def test_boxes_of_another_format_are_refused(capsys):
    corners = [[30 + i, 40, 45 + i, 50] for i in range(30)]
    sizes = shifted(corners)

    def files(predicted, annotated):
        write('pred.json', {'7': [{'bbox': box, 'caption': 'a', 'score': 1} for box in predicted]})
        annotations = [{'image_id': 7, 'bbox': box, 'caption': 'a'} for box in annotated]
        write('ann.json', {'images': ANNOTATIONS['images'][:1], 'annotations': annotations})

    command = ['pred.json', 'ann.json', '--task', 'dense', *FAST]
    files(sizes, corners)
    assert 'pred.json: 30 of 30 boxes' in (message := refused(capsys, *command))
    assert 'look like [x, y, width, height]' in message
    files(corners, sizes)
    assert 'ann.json: 30 of 30 boxes' in refused(capsys, *command)
    assert eval_captions.main([*command, '--no-box-check']) == 0
    assert eval_captions.main([*command, '--annotation-format', 'grit']) == 0


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['no.json', 'ann.json', '--task', 'dense'], 'no.json: no such file'),
        (['pred.json', 'no.json', '--task', 'dense'], 'no.json: no such file'),
        (['pred.json', 'ann.json', '--task', 'image'], "not 'image'"),
        (['pred.json', 'ann.json', '--task', 'dense', '--split', 'test'], "no option 'split'"),
        (['pred.json', 'ann.json', '--task', 'dense', '--curves', 'a.txt'], 'ending of .png'),
        (['pred.json', 'ann.json', '--task', 'image', '--curves', 'a.png'], '--curves'),
        (['pred.json', 'ann.json', '--task', 'dense', '--clip', 'x'], '--images'),
        (['pred.json', 'ann.json', '--task', 'dense', '--images', '.'], 'it has no 7.jpg'),
        (['ann.json', 'ann.json', '--task', 'dense'], "got the keys 'images', 'annotations'"),
    ],
)
def test_refusals(capsys, arguments, message):
    assert message in refused(capsys, *arguments)


def test_help_tells_the_formats(capsys):
    with pytest.raises(SystemExit):
        eval_captions.main(['--help'])
    assert 'region_descriptions.json' in capsys.readouterr().out
