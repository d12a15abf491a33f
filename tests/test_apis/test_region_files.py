"""Regions as text, JSON and pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmpatchioner.apis import InputError
from mmpatchioner.apis.region_files import parse_regions, read_mask, read_region_file


@pytest.mark.parametrize(
    ('kind', 'text', 'expected'),
    [
        ('boxes', '', []),
        ('boxes', ' ; ', []),
        ('boxes', '1,2,3,4', [[1, 2, 3, 4]]),
        ('boxes', ' 1, 2, 3.5, -4 ;5,6,7,8;', [[1, 2, 3.5, -4], [5, 6, 7, 8]]),
        ('points', '1,2;3,4', [[1, 2], [3, 4]]),
        ('traces', '1,2 3, 4;5,6', [[[1, 2], [3, 4]], [[5, 6]]]),
        ('region_sets', '1,2,3,4 5,6,7,8', [[[1, 2, 3, 4], [5, 6, 7, 8]]]),
    ],
)
def test_text(kind: str, text: str, expected: list) -> None:
    assert parse_regions(kind, text) == expected


@pytest.mark.parametrize('text', ['one,2,3,4', '1;;2,,3', '1 2 3 4'])
def test_text_that_is_not_numbers(text: str) -> None:
    with pytest.raises(InputError, match=r'boxes: expected numbers and commas, got'):
        parse_regions('boxes', text)


def test_json_list_holds_for_every_image(tmp_path: Path) -> None:
    file = tmp_path / 'boxes.json'
    file.write_text('[[1, 2, 3, 4]]')
    assert read_region_file('boxes', file, ['a.jpg', 'b.jpg']) == [[[1, 2, 3, 4]]] * 2


def test_json_object_is_by_image(tmp_path: Path) -> None:
    file = tmp_path / 'boxes.json'
    file.write_text(json.dumps({'a.jpg': [1], 'b': [2], 'x/c.jpg': [3]}))
    entries = read_region_file('boxes', file, ['p/a.jpg', 'p/b.jpg', 'x/c.jpg', 'd.jpg'])
    assert entries == [[1], [2], [3], None]


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('{"z.jpg": []}', r'names none of the images; it has z\.jpg, and a\.jpg was looked for'),
        ('3', 'expected a list or an object .* got int'),
        ('[1, ', 'not a readable JSON file'),
    ],
)
def test_json_that_does_not_serve(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / 'boxes.json'
    file.write_text(content)
    with pytest.raises(InputError, match=message):
        read_region_file('boxes', file, ['p/a.jpg'])
    with pytest.raises(InputError, match='not a readable JSON file'):
        read_region_file('boxes', tmp_path / 'missing.json', ['a.jpg'])


@pytest.mark.parametrize('high', [1, 255])
def test_mask_picture(tmp_path: Path, high: int) -> None:
    values = np.zeros((4, 6), np.uint8)
    values[1:3, 2:5] = high
    Image.fromarray(values).save(tmp_path / 'mask.png')
    (mask,) = read_mask(tmp_path / 'mask.png')
    assert (mask == (values > 0)).all()


def test_palette_picture_holds_several_masks(tmp_path: Path) -> None:
    indices = np.array([[0, 1, 1], [2, 2, 0]], np.uint8)
    picture = Image.fromarray(indices)
    picture = picture.convert('P')
    picture.putdata(indices.ravel().tolist())
    picture.putpalette([0, 0, 0, 10, 10, 10, 20, 20, 20])
    picture.save(tmp_path / 'ids.png')
    first, second = read_mask(tmp_path / 'ids.png')
    assert (first == (indices == 1)).all()
    assert (second == (indices == 2)).all()


def test_mask_that_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / 'mask.png').write_text('no')
    with pytest.raises(InputError, match=r'masks: .*mask\.png is not a readable picture'):
        read_mask(tmp_path / 'mask.png')
