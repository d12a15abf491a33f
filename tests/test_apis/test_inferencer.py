"""Images and regions in, captions out."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_captioner import WORDS, colours, tiny_config, tiny_prefix_decoder

from mmpatchioner.apis import CaptionInferencer, CaptionResult, InputError

BOX = [5, 5, 25, 30]
MASK = np.zeros((40, 60), bool)
MASK[10:30, 20:50] = True
ALL_KINDS = {
    'boxes': [BOX, [0, 0, 60, 40]],
    'masks': [MASK],
    'points': [[3, 4]],
    'traces': [[[1, 1], [50, 30]], [[2, 2]]],
    'region_sets': [[BOX, [30, 10, 50, 20]]],
    'whole_image': True,
}


@pytest.fixture
def image() -> np.ndarray:
    return colours(40, 60)


def test_every_kind_of_input_gives_the_same(inferencer: CaptionInferencer, photo: Path) -> None:
    pixels = np.asarray(Image.open(photo))
    inputs = [photo, str(photo), np.ascontiguousarray(pixels[..., ::-1]), Image.open(photo)]
    results = [inferencer(entry, boxes=[BOX])[0] for entry in inputs]
    listed = inferencer(inputs, boxes=[[BOX]] * 4, show_progress=False)
    assert len(listed) == 4
    assert all(result.regions == results[0].regions for result in [*results, *listed])
    assert {(result.width, result.height) for result in results} == {(60, 40)}


def test_folder(inferencer: CaptionInferencer, photo: Path) -> None:
    Image.fromarray(colours(30, 30)).save(photo.parent / 'another.png')
    results = inferencer(photo.parent, whole_image=True, show_progress=False)
    assert [Path(result.image).name for result in results] == ['another.png', 'photo.png']


def test_all_kinds_in_one_call_and_in_order(
    inferencer: CaptionInferencer, image: np.ndarray
) -> None:
    result = inferencer(image, **ALL_KINDS, proposals='patches')[0]
    kinds = [region.kind for region in result]
    assert kinds[:8] == ['box', 'box', 'mask', 'point', 'trace', 'trace', 'set', 'image']
    assert set(kinds[8:]) == {'box'}
    assert result[1].geometry['bbox'] == [0, 0, 60, 40]
    assert result[3].geometry['points'] == [[3, 4]]
    assert result[4].geometry['points'] == [[1, 1], [50, 30]]
    assert result[6].geometry['bboxes'] == ALL_KINDS['region_sets'][0]
    assert all(region.caption.removeprefix('a ') in WORDS for region in result)
    assert all(region.detection_score is None for region in result.regions[:8])
    assert all(
        region.detection_score is not None and region.label is None for region in result.regions[8:]
    )
    json.loads(result.to_json(), parse_constant=lambda name: pytest.fail(f'{name} is no JSON'))


def test_order_of_regions_changes_no_caption(
    inferencer: CaptionInferencer, image: np.ndarray
) -> None:
    boxes = [[x, y, x + 12, y + 10] for x in range(0, 48, 9) for y in range(0, 30, 7)]
    forward, backward = (inferencer(image, boxes=rows)[0].regions for rows in (boxes, boxes[::-1]))
    assert forward == backward[::-1]
    assert len({region.caption for region in forward}) > 1


@pytest.mark.parametrize('batch_size', [2, 3, 8])
def test_batch_size_changes_no_caption(inferencer: CaptionInferencer, batch_size: int) -> None:
    images = [colours(30 + 3 * i, 50 - 4 * i, seed=i) for i in range(5)]
    boxes = [[[1, 1, 20, 20]] * i for i in range(5)]
    one = inferencer(images, boxes=boxes, whole_image=True, show_progress=False)
    many = inferencer(
        images, boxes=boxes, whole_image=True, batch_size=batch_size, show_progress=False
    )
    assert [result.regions for result in one] == [result.regions for result in many]
    assert [len(result) for result in many] == [1, 2, 3, 4, 5]


def test_regions_of_several_images(inferencer: CaptionInferencer, image: np.ndarray) -> None:
    results = inferencer(
        [image, image], boxes=[None, [BOX]], points=[[[1, 1]], None], show_progress=False
    )
    assert [[region.kind for region in result] for result in results] == [['point'], ['box']]


def test_nothing_asked_for_gives_the_whole_image_and_proposals(
    inferencer: CaptionInferencer, image: np.ndarray
) -> None:
    result = inferencer(image)[0]
    assert result[0].kind == 'image'
    assert {region.kind for region in result.regions[1:]} == {'box'}


@pytest.mark.parametrize(
    'arguments', [{'boxes': []}, {'boxes': np.zeros((0, 4))}, {'points': [], 'masks': []}]
)
def test_no_regions_are_legal(
    inferencer: CaptionInferencer, image: np.ndarray, arguments: dict[str, Any]
) -> None:
    result = inferencer(image, **arguments)[0]
    assert result.regions == ()
    assert json.loads(result.to_json())['regions'] == []
    assert 'per_region' not in result.speed


def test_one_image_in_a_list_may_have_no_regions(
    inferencer: CaptionInferencer, image: np.ndarray
) -> None:
    assert inferencer([image], boxes=[[]])[0].regions == ()


def test_speed(inferencer: CaptionInferencer, image: np.ndarray) -> None:
    speed = inferencer(image, boxes=[BOX, BOX])[0].speed
    assert speed['inference'] > 0
    assert speed['per_region'] == pytest.approx(speed['inference'] / 2, abs=0.01)


def test_inputs_are_left_as_they_are(inferencer: CaptionInferencer, image: np.ndarray) -> None:
    boxes = torch.tensor([BOX], dtype=torch.float32)
    before = image.copy(), boxes.clone()
    inferencer(image, boxes=boxes, proposals='patches')[0].plot()
    assert (image == before[0]).all()
    assert torch.equal(boxes, before[1])


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'boxes': [[100, 100, 200, 200]]}, r'image_0: boxes\[0\]: .*width 60, height 40'),
        ({'boxes': [BOX, [float('nan'), 0, 5, 5]]}, r'boxes\[1\]: expected finite'),
        ({'boxes': [[0, 0, float('inf'), 5]]}, r'boxes\[0\]: expected finite'),
        ({'boxes': [[20, 5, 5, 30]]}, r'boxes\[0\]: expected .*\[20, 5, 5, 30\]'),
        ({'boxes': [[1, 2, 3]]}, r'boxes: expected .*shape \(R, 4\)'),
        ({'boxes': BOX}, r'boxes: expected .*shape \(R, 4\)'),
        ({'boxes': 'all'}, r'boxes: expected'),
        ({'masks': [np.zeros((40, 60), bool)]}, r'masks\[0\]: .*empty mask'),
        ({'masks': [np.ones((4, 6), bool)]}, r'masks: expected \(R, 40, 60\)'),
        ({'points': [[-5, 0]]}, r'points\[0\]: expected a point inside'),
        ({'traces': [[[90, 90], [99, 99]]]}, r'traces\[0\]: expected .* inside the image'),
        ({'proposals': 'magic'}, "proposals: expected 'patches', 'detector' or None, got 'magic'"),
        ({'proposals': 'detector'}, "'detector' needs a detector"),
        ({'batch_size': 0}, 'batch_size: expected a positive integer, got 0'),
        ({'batch_size': 1.5}, 'batch_size: expected a positive integer, got 1.5'),
    ],
)
def test_wrong_arguments(
    inferencer: CaptionInferencer, image: np.ndarray, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        inferencer(image, **arguments)


def test_wrong_numbers_of_entries(inferencer: CaptionInferencer, image: np.ndarray) -> None:
    with pytest.raises(InputError, match='one entry per image, 2 in all, got 3'):
        inferencer([image, image], boxes=[[BOX], [BOX], [BOX]])


def test_damaged_file_in_a_folder_is_skipped(
    inferencer: CaptionInferencer, photo: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (photo.parent / 'a_text.jpg').write_text('no image')
    results = inferencer(photo.parent, whole_image=True, batch_size=2, show_progress=False)
    assert [Path(result.image).name for result in results] == ['photo.png']
    assert any('a_text.jpg' in r.message and r.levelno == logging.ERROR for r in caplog.records)
    assert '1 of 2 images were skipped' in caplog.text
    with pytest.raises(InputError, match=r'a_text\.jpg'):
        inferencer(photo.parent, whole_image=True, on_error='raise', show_progress=False)


def test_damaged_file_in_a_list_raises_unless_told(
    inferencer: CaptionInferencer, photo: Path
) -> None:
    inputs = [photo, photo.parent / 'missing.jpg']
    with pytest.raises(InputError, match=r'missing\.jpg: no such file'):
        inferencer(inputs, whole_image=True, show_progress=False)
    assert len(inferencer(inputs, whole_image=True, on_error='skip', show_progress=False)) == 1
    with pytest.raises(InputError, match='None of the 2 images could be used'):
        inferencer(inputs[1:] * 2, whole_image=True, on_error='skip', show_progress=False)


def test_stream_gives_errors_in_their_place(inferencer: CaptionInferencer, photo: Path) -> None:
    inputs = [photo.parent / 'missing.jpg', photo, photo]
    boxes = [[BOX], [BOX], [[900, 900, 950, 950]]]
    outcomes = list(inferencer.stream(inputs, boxes=boxes, batch_size=3))
    assert [type(outcome) for outcome in outcomes] == [InputError, CaptionResult, InputError]
    with pytest.raises(InputError, match='batch_size'):
        inferencer.stream(inputs, batch_size=-1)


def test_large_batch_is_halved_when_memory_runs_out(
    inferencer: CaptionInferencer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    images = [colours(20, 20, seed=i) for i in range(5)]
    expected = inferencer(images, whole_image=True, show_progress=False)
    test_step, sizes = inferencer.model.test_step, []

    def small_memory(batch: dict) -> list:
        sizes.append(len(batch['inputs']))
        if sizes[-1] > 2:
            raise torch.cuda.OutOfMemoryError('CUDA out of memory')
        return test_step(batch)

    monkeypatch.setattr(inferencer.model, 'test_step', small_memory)
    results = inferencer(images, whole_image=True, batch_size=5, show_progress=False)
    assert sizes == [5, 2, 3, 1, 2]
    assert [result.regions for result in results] == [result.regions for result in expected]
    assert 'Out of memory with 5 images' in caplog.text


@pytest.mark.parametrize('device', ['nonsense', 'cuda:99'])
def test_unusable_device(device: str) -> None:
    with pytest.raises(InputError, match=f"device: '{device}' can not be used"):
        CaptionInferencer(tiny_config(), device=device)


def test_unfit_configs(tmp_path: Path) -> None:
    (tmp_path / 'broken.py').write_text('model = dict(\n')
    with pytest.raises(InputError, match=r'broken\.py is not a valid config'):
        CaptionInferencer(tmp_path / 'broken.py')
    (tmp_path / 'empty.py').write_text('a = 1\n')
    with pytest.raises(InputError, match='has no `model`'):
        CaptionInferencer(tmp_path / 'empty.py')


def test_real_parts_from_a_config_file(tmp_path: Path, image: np.ndarray) -> None:
    path = tmp_path / 'tiny.py'
    tiny_config(tiny_prefix_decoder(tmp_path)).dump(path)
    torch.manual_seed(0)
    inferencer = CaptionInferencer(path, device='cpu')
    result = inferencer(image, **ALL_KINDS, proposals='patches')[0]
    assert len(result) > 8
    assert all(isinstance(region.caption, str) and region.caption_score <= 0 for region in result)
    alone = inferencer(image, boxes=[BOX])[0]
    assert alone[0].caption == result[0].caption
    assert alone[0].caption_score == pytest.approx(result[0].caption_score, abs=2e-4)
