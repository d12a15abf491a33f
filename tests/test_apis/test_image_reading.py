"""Every kind of picture becomes upright BGR, and what is none is named."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmpatchioner.apis import InputError
from mmpatchioner.apis.images import decode, from_array, from_pil, read_file, read_url

RED_BGR = [0, 0, 255]


def saved(picture: Image.Image, suffix: str = 'PNG', **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, suffix, **options)
    return buffer.getvalue()


def palette_picture() -> Image.Image:
    picture = Image.new('P', (4, 3), 1)
    picture.putpalette([0, 0, 0, 255, 0, 0])
    return picture


@pytest.mark.parametrize(
    ('picture', 'expected'),
    [
        (Image.new('RGB', (4, 3), (255, 0, 0)), RED_BGR),
        (Image.new('RGBA', (4, 3), (255, 0, 0, 255)), RED_BGR),
        (Image.new('RGBA', (4, 3), (255, 0, 0, 0)), [255, 255, 255]),
        (Image.new('LA', (4, 3), (0, 0)), [255, 255, 255]),
        (Image.new('L', (4, 3), 7), [7, 7, 7]),
        (Image.new('1', (4, 3), 1), [255, 255, 255]),
        (Image.fromarray(np.full((3, 4), 65535, np.uint16)), [255, 255, 255]),
        (Image.fromarray(np.full((3, 4), 257 * 9, np.int32)), [9, 9, 9]),
        (palette_picture(), RED_BGR),
        (Image.new('CMYK', (4, 3), (0, 255, 255, 0)), RED_BGR),
    ],
)
def test_modes_of_pillow(picture: Image.Image, expected: list[int]) -> None:
    pixels = from_pil(picture)
    assert pixels.shape == (3, 4, 3)
    assert pixels.dtype == np.uint8
    assert pixels[0, 0].tolist() == expected


def test_sixteen_bit_file_keeps_its_range() -> None:
    ramp = np.linspace(0, 65535, 16, dtype=np.uint16).reshape(4, 4)
    pixels = decode(saved(Image.fromarray(ramp)), 'ramp.png')
    assert pixels[..., 0].min() == 0
    assert pixels[..., 0].max() == 255
    assert len(np.unique(pixels)) == 16


def test_orientation_is_applied() -> None:
    picture = Image.new('RGB', (6, 4), (0, 0, 0))
    picture.paste((255, 255, 255), (0, 0, 6, 1))  # a white top row
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter clockwise
    pixels = decode(saved(picture, 'PNG', exif=exif), 'turned.png')
    assert pixels.shape == (6, 4, 3)
    assert (pixels[:, -1] == 255).all()
    assert (pixels[:, 0] == 0).all()


@pytest.mark.parametrize(
    ('array', 'expected'),
    [
        (np.full((2, 3, 3), RED_BGR, np.uint8), RED_BGR),
        (np.full((2, 3), 9, np.uint8), [9, 9, 9]),
        (np.full((2, 3, 1), 9, np.uint8), [9, 9, 9]),
        (np.full((2, 3, 4), [0, 0, 255, 255], np.uint8), RED_BGR),
        (np.full((2, 3, 4), [0, 0, 255, 0], np.uint8), [255, 255, 255]),
        (np.full((2, 3, 3), 65535, np.uint16), [255, 255, 255]),
    ],
)
def test_arrays(array: np.ndarray, expected: list[int]) -> None:
    before = array.copy()
    assert from_array(array)[0, 0].tolist() == expected
    assert (array == before).all()


@pytest.mark.parametrize(
    ('array', 'message'),
    [
        (np.zeros((2, 3, 5), np.uint8), r'expected an array \(H, W, 3\).*\(2, 3, 5\)'),
        (np.zeros((1, 2, 3, 3), np.uint8), 'a batch of images is given as a list'),
        (np.zeros((0, 3, 3), np.uint8), r'got shape \(0, 3, 3\)'),
        (np.zeros((2, 3, 3), np.float32), r'expected uint8.*got float32.*astype'),
    ],
)
def test_arrays_that_are_no_image(array: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_array(array)


def test_files_that_are_no_image(tmp_path: Path) -> None:
    whole = saved(
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)),
        'JPEG',
    )
    files = {
        'text.jpg': (b'this is text', 'not an image'),
        'empty.jpg': (b'', 'empty'),
        'cut.jpg': (whole[: len(whole) // 2], 'damaged or cut off'),
        'cut.png': (saved(Image.new('RGB', (64, 64)))[:60], 'damaged or cut off|not an image'),
    }
    for name, (data, message) in files.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError, match=f'{name}.*({message})'):
            read_file(tmp_path / name)
    with pytest.raises(InputError, match=r'missing\.jpg: no such file'):
        read_file(tmp_path / 'missing.jpg')
    with pytest.raises(InputError, match='expected an image file, got a folder'):
        read_file(tmp_path)


def test_floating_point_is_refused() -> None:
    with pytest.raises(InputError, match='floating-point'):
        from_pil(Image.new('F', (2, 2), 0.5))


def test_decompression_bombs_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 100)
    with pytest.raises(InputError, match='more than 200 pixels'):
        decode(saved(Image.new('L', (20, 20))), 'bomb.png')


@pytest.fixture
def server() -> Iterator[str]:
    picture = saved(Image.new('RGB', (4, 3), (255, 0, 0)))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == '/red.png' else 404)
            self.end_headers()
            if self.path == '/red.png':
                self.wfile.write(picture)

        def log_message(self, *args) -> None:
            pass

    with HTTPServer(('127.0.0.1', 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f'http://127.0.0.1:{http.server_port}'
        http.shutdown()
        thread.join()


def test_url(server: str) -> None:
    assert read_url(f'{server}/red.png')[0, 0].tolist() == RED_BGR
    with pytest.raises(InputError, match='answered 404'):
        read_url(f'{server}/blue.png')
    with pytest.raises(InputError, match='can not be downloaded'):
        read_url('http://127.0.0.1:1/nothing.png')
