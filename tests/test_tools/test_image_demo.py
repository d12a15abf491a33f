"""The demo on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_captioner import colours, tiny_config, tiny_detector_config, tiny_prefix_decoder

from mmpatchioner.apis import CaptionInferencer
from tests.commands import load_tool

Run = Callable[..., int]


@pytest.fixture(scope='module')
def demo() -> ModuleType:
    return load_tool('image_demo')


@pytest.fixture(scope='module')
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('model')
    tiny_config(tiny_prefix_decoder(folder)).dump(folder / 'tiny.py')
    tiny_detector_config().dump(folder / 'detector.py')
    return folder / 'tiny.py'


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / 'photos'
    for name in ('cat.png', 'sub/cat.png', 'dog.png', 'dog.jpg'):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(colours(40, 60)).save(folder / name)
    return folder


@pytest.fixture
def run(demo: ModuleType, config: Path, tmp_path: Path) -> Run:
    def call(*arguments: object) -> int:
        torch.manual_seed(0)
        common = ['--model', config, '--out-dir', tmp_path / 'out', '--device', 'cpu']
        return demo.main([str(argument) for argument in [*arguments, *common]])

    return call


def written(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob('*') if path.is_file()
    )


def regions(folder: Path, name: str = 'cat') -> list[dict]:
    text = (folder / 'out' / 'preds' / f'{name}.json').read_text(encoding='utf-8')
    return json.loads(text, parse_constant=lambda constant: pytest.fail(f'{constant} is no JSON'))[
        'regions'
    ]


def test_one_image(
    run: Run, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        run(
            photos / 'cat.png',
            '--boxes',
            '5,5,25,30; 0,0,60,40',
            '--points',
            '3,4',
            '--whole-image',
        )
        == 0
    )
    assert written(tmp_path / 'out') == ['preds/cat.json', 'vis/cat.jpg']
    assert [region['kind'] for region in regions(tmp_path)] == ['box', 'box', 'point', 'image']
    with Image.open(tmp_path / 'out' / 'vis' / 'cat.jpg') as picture:
        assert picture.width == 640
    shown = capsys.readouterr()
    assert 'cat.json' in shown.out.replace('\n', '')
    assert 'caption' in shown.out
    assert shown.err == ''


def test_nothing_asked_for(run: Run, photos: Path, tmp_path: Path) -> None:
    assert run(photos / 'cat.png', '--no-vis', '--max-regions', 2) == 0
    assert written(tmp_path / 'out') == ['preds/cat.json']
    kinds = [region['kind'] for region in regions(tmp_path)]
    assert kinds[0] == 'image'
    assert 1 <= len(kinds) <= 3


def test_every_kind(run: Run, photos: Path, tmp_path: Path) -> None:
    mask = np.zeros((40, 60), np.uint8)
    mask[5:30, 5:30] = 255
    Image.fromarray(mask).save(tmp_path / 'mask.png')
    arguments = [
        '--mask',
        tmp_path / 'mask.png',
        '--traces',
        '1,1 50,30; 2,2',
        '--sets',
        '5,5,25,30 30,10,50,20',
    ]
    assert run(photos / 'cat.png', *arguments) == 0
    assert [region['kind'] for region in regions(tmp_path)] == ['mask', 'trace', 'trace', 'set']


@pytest.mark.parametrize('boxes', ['', '[]'])
def test_no_boxes(run: Run, photos: Path, tmp_path: Path, boxes: str) -> None:
    value: object = boxes
    if boxes:
        value = tmp_path / 'boxes.json'
        value.write_text(boxes)
    assert run(photos / 'cat.png', '--boxes', value) == 0
    assert regions(tmp_path) == []


def test_folder(run: Run, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (photos / 'bad.jpg').write_text('no image')
    assert run(photos, '--whole-image', '--batch-size', 2, '--no-vis') == 1
    assert written(tmp_path / 'out' / 'preds') == [
        'cat.json',
        'dog.jpg.json',
        'dog.png.json',
        'sub/cat.json',
    ]
    shown = capsys.readouterr()
    assert 'skipped:' in shown.err
    assert 'bad.jpg' in shown.err
    assert '4 of 5 images' in shown.out


def test_regions_by_image(run: Run, photos: Path, tmp_path: Path) -> None:
    (tmp_path / 'boxes.json').write_text(json.dumps({'dog.jpg': [[1, 1, 9, 9]]}))
    assert run(photos, '--boxes', tmp_path / 'boxes.json', '--no-vis') == 0
    assert len(regions(tmp_path, 'dog.jpg')) == 1
    assert regions(tmp_path, 'dog.png') == []


def test_results_of_an_earlier_run_are_no_input(
    demo: ModuleType, config: Path, photos: Path
) -> None:
    arguments = [
        str(photos),
        '--model',
        str(config),
        '--out-dir',
        str(photos / 'out'),
        '--whole-image',
    ]
    assert demo.main(arguments) == 0
    first = written(photos)
    assert demo.main(arguments) == 0
    assert written(photos) == first


def test_detector(run: Run, photos: Path, config: Path, tmp_path: Path) -> None:
    detector = config.parent / 'detector.py'
    inferencer = CaptionInferencer(config, device='cpu', detector=detector)
    torch.save(inferencer.model.detector.state_dict(), tmp_path / 'weights.pth')
    arguments = ['--detector', detector, '--weights', tmp_path / 'weights.pth', '--score-thr', 0]
    assert run(photos / 'cat.png', *arguments) == 0
    found = [region for region in regions(tmp_path) if 'detection_score' in region]
    assert found
    assert {region['label'] for region in found} <= {'cat', 'dog', 'boat'}


def damaged(photos: Path) -> dict[str, Path]:
    text, cut = photos / 'text.jpg', photos / 'cut.jpg'
    text.write_text('this is no image')
    cut.write_bytes((photos / 'dog.jpg').read_bytes()[:400])
    return {'text': text, 'cut': cut, 'missing': photos / 'missing.jpg', 'cat': photos / 'cat.png'}


@pytest.mark.parametrize(
    ('image', 'arguments', 'message'),
    [
        ('missing', [], 'missing.jpg: no such file'),
        ('text', [], 'text.jpg: not an image'),
        ('cut', [], 'cut.jpg: the image is damaged or cut off'),
        ('cat', ['--boxes', '900,900,950,950'], 'boxes[0]: '),
        ('cat', ['--boxes', '1,2,nan,4'], 'boxes[0]: expected finite'),
        ('cat', ['--boxes', '1,2,inf,4'], 'boxes[0]: expected finite'),
        ('cat', ['--boxes', '1,2,3'], 'boxes: expected'),
        ('cat', ['--boxes', '1,2,3,4; 1,2'], 'boxes: expected'),
        ('cat', ['--boxes', 'a,b,c,d'], 'boxes: expected numbers'),
        ('cat', ['--boxes', 'none.json'], 'none.json is not a readable JSON file'),
        ('cat', ['--mask', 'none.png'], 'none.png is not a readable picture'),
        ('cat', ['--traces', '900,900 950,950'], 'traces[0]: '),
        ('cat', ['--model', 'no-such-model'], "unknown name 'no-such-model'; known names:"),
        (
            'cat',
            ['--detector', 'no-such-detector'],
            "'no-such-detector' is neither a config file nor the name",
        ),
        ('cat', ['--weights', 'none.pth'], 'the model has no detector'),
        ('cat', ['--model-weights', 'none.pth'], 'none.pth'),
        ('cat', ['--device', 'tpu9'], "device: 'tpu9' can not be used"),
        ('cat', ['--batch-size', '0'], 'batch_size: expected a positive integer'),
        ('cat', ['--batch-size', 'x'], "argument --batch-size: invalid int value: 'x'"),
        ('cat', ['--proposals', 'detector'], "'detector' needs a detector"),
        ('cat', ['--font', 'none.ttf'], 'none.ttf'),
    ],
)
def test_errors_are_one_line_and_nothing_is_written(
    demo: ModuleType,
    config: Path,
    photos: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    image: str,
    arguments: list[str],
    message: str,
) -> None:
    path = damaged(photos)[image]
    common = ['--model', str(config), '--out-dir', str(tmp_path / 'out'), '--whole-image']
    try:
        code = demo.main([str(path), *common, *arguments])
    except SystemExit as stop:
        code = stop.code
    shown = capsys.readouterr()
    assert code == 2
    assert message in shown.err
    assert shown.err.startswith('error: ')
    assert len(shown.err.splitlines()) == 1
    assert not (tmp_path / 'out').exists()


def test_weights_of_another_shape(
    run: Run, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({'patch_neck.weight': torch.zeros(3)}, tmp_path / 'other.pth')
    assert run(photos / 'cat.png', '--model-weights', tmp_path / 'other.pth') == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert 'other.pth does not fit DenseCaptioner' in line
    assert 'and ' in line
    assert not (tmp_path / 'out').exists()


def test_failure_while_writing_leaves_no_half_file(
    run: Run,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full(*args: object) -> None:
        raise OSError('no space left on device')

    monkeypatch.setattr(Path, 'replace', full)
    assert run(photos / 'cat.png', '--whole-image') == 2
    assert 'no space left' in capsys.readouterr().err
    assert written(tmp_path / 'out') == []


@pytest.mark.parametrize(
    ('inputs', 'expected'),
    [
        (['a.jpg', 'b.png'], ['a', 'b']),
        (['a.jpg', 'a.png'], ['a.jpg', 'a.png']),
        (['a.jpg', 'A.png', 'x/a.jpg'], ['A.png', 'a.jpg', 'x/a']),
        (['odd %$name.jpg'], ['odd __name']),
    ],
)
def test_names_of_results(
    demo: ModuleType, tmp_path: Path, inputs: list[str], expected: list[str]
) -> None:
    for name in inputs:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    sources = demo.list_sources(tmp_path)
    assert sorted(demo.output_names(sources, str(tmp_path))) == sorted(expected)


def test_name_of_a_url(demo: ModuleType) -> None:
    url = 'https://example.org/photos/a%20cat.jpg?size=3'
    assert demo.output_names(demo.list_sources(url), url) == ['a cat']
