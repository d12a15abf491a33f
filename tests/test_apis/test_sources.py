"""Inputs of a call as a list of images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmpatchioner.apis import InputError
from mmpatchioner.apis.sources import list_sources


def test_each_kind_and_its_name(photo: Path) -> None:
    array = np.zeros((2, 3, 3), np.uint8)
    inputs = [str(photo), photo, array, Image.new('RGB', (3, 2)), 'https://example.org/a.jpg']
    sources = list_sources(inputs)
    assert sources.form == 'list'
    names = [source.name for source in sources.images]
    assert names == [str(photo), str(photo), 'image_2', 'image_3', 'https://example.org/a.jpg']
    assert sources.images[0].read().shape == (40, 60, 3)
    assert sources.images[3].read().shape == (2, 3, 3)


def test_one_image(photo: Path) -> None:
    assert list_sources(photo).form == 'single'
    assert len(list_sources(photo)) == 1


def test_folder_is_searched_in_order(tmp_path: Path) -> None:
    for name in ('b.jpg', 'a.PNG', 'sub/c.webp', 'notes.txt', '.hidden/d.jpg', '.e.jpg'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    sources = list_sources(str(tmp_path))
    assert sources.form == 'folder'
    assert [Path(s.name).relative_to(tmp_path).as_posix() for s in sources.images] == [
        'a.PNG',
        'b.jpg',
        'sub/c.webp',
    ]


def test_nothing_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r'no image in this folder.*\.jpg'):
        list_sources(tmp_path)
    with pytest.raises(InputError, match='empty list'):
        list_sources([])
    with pytest.raises(InputError, match=r'inputs\[1\]: expected a path.*got int'):
        list_sources([np.zeros((2, 2), np.uint8), 3])


def test_pixels_are_kept_only_where_reading_means_a_download(photo: Path) -> None:
    pixels = np.zeros((2, 3, 3), np.uint8)
    url, file = list_sources(['https://example.org/a.jpg', photo]).images
    assert url.with_pixels(pixels).read() is pixels
    assert file.with_pixels(pixels) is file
