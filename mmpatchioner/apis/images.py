"""Reading of pictures of every kind into one: (H, W, 3) uint8, BGR, upright."""

from __future__ import annotations

import io
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from mmpatchioner.apis.errors import InputError

_URL_TIMEOUT = 30.0  # seconds
_URL_MAX_BYTES = 200 * 2**20
_WHITE = (255, 255, 255)


def read_file(path: Path) -> np.ndarray:
    """Read an image file.

    The EXIF orientation is applied, transparency is laid on white, grey and palette images become colour, 16 bits
    become 8, and of an animation the first frame is taken.

    Args:
        path: Any format Pillow knows.

    Returns:
        (H, W, 3) uint8, BGR.

    Raises:
        InputError: if the file is missing, no image, cut off, or larger than Pillow's limit against
            decompression bombs.
    """
    if not path.exists():
        raise InputError(f'{path}: no such file; check the path.')
    if not path.is_file():
        raise InputError(f'{path}: expected an image file, got a folder or device.')
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f'{path}: can not be read ({error.strerror}); check its permissions.'
        ) from error
    return decode(data, str(path))


def read_url(url: str) -> np.ndarray:
    """Download an image over http or https and read it as :func:`read_file` does.

    Raises:
        InputError: if the download fails or what it brings is no image.
    """
    request = urllib.request.Request(url, headers={'User-Agent': 'mmpatchioner'})
    try:
        with urllib.request.urlopen(request, timeout=_URL_TIMEOUT) as response:
            data = response.read(_URL_MAX_BYTES + 1)
    except urllib.error.HTTPError as error:
        raise InputError(
            f'{url}: the server answered {error.code} {error.reason}; check the address.'
        ) from error
    except (OSError, ValueError) as error:
        raise InputError(
            f'{url}: can not be downloaded ({error}); check the address and the network.'
        ) from error
    if len(data) > _URL_MAX_BYTES:
        raise InputError(
            f'{url}: larger than {_URL_MAX_BYTES // 2**20} MiB; download it and give its path.'
        )
    return decode(data, url)


def decode(data: bytes, name: str) -> np.ndarray:
    """Decode the bytes of an image file.

    Args:
        data: Content of the file.
        name: How errors call it.

    Returns:
        (H, W, 3) uint8, BGR.

    Raises:
        InputError: as :func:`read_file`.
    """
    if not data:
        raise InputError(f'{name}: the file is empty; fetch it again.')
    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()
            return from_pil(picture, name)
    except UnidentifiedImageError as error:
        raise InputError(
            f'{name}: not an image in a format Pillow {Image.__version__} reads, whatever its name says; '
            'convert it to JPEG or PNG.'
        ) from error
    except Image.DecompressionBombError as error:
        raise InputError(
            f'{name}: more than {2 * (Image.MAX_IMAGE_PIXELS or 0):,} pixels, refused as a possible decompression '
            'bomb; make it smaller, or raise PIL.Image.MAX_IMAGE_PIXELS if you trust it.'
        ) from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f'{name}: the image is damaged or cut off ({error}); fetch it again.'
        ) from error


def from_pil(picture: Image.Image, name: str = 'image') -> np.ndarray:
    """Convert a Pillow image of any mode.

    Args:
        picture: The image; it is not changed.
        name: How errors call it.

    Returns:
        (H, W, 3) uint8, BGR, upright.

    Raises:
        InputError: if it has no pixels, or is of a floating-point mode.

    Example:
        >>> from_pil(Image.new('RGB', (3, 2), (255, 0, 0)))[0, 0].tolist()
        [0, 0, 255]
    """
    if 0 in picture.size:
        raise InputError(f'{name}: expected an image with pixels, got size {picture.size}.')
    upright = ImageOps.exif_transpose(picture)
    if upright.mode == 'F':
        raise InputError(
            f'{name}: floating-point images have no defined brightness; convert it to 8 or 16 bits.'
        )
    if upright.mode == 'I' or upright.mode.startswith('I;16'):
        return _gray_to_bgr(_eight_bits(np.asarray(upright), name))
    if upright.mode in ('RGBA', 'LA', 'PA', 'RGBa', 'La') or 'transparency' in upright.info:
        layer = upright.convert('RGBA')
        upright = Image.new('RGB', layer.size, _WHITE)
        upright.paste(layer, mask=layer.getchannel('A'))
    return np.ascontiguousarray(np.asarray(upright.convert('RGB'))[..., ::-1])


def from_array(array: np.ndarray, name: str = 'image') -> np.ndarray:
    """Check an array and bring it to three channels.

    Args:
        array: (H, W), (H, W, 1), (H, W, 3) BGR or (H, W, 4) BGRA; uint8 or uint16. It is not changed.
        name: How errors call it.

    Returns:
        (H, W, 3) uint8, BGR.

    Raises:
        InputError: if shape or type is another.

    Example:
        >>> from_array(np.full((2, 3), 65535, np.uint16)).shape
        (2, 3, 3)
    """
    shape_ok = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))
    if not shape_ok or not array.size:
        raise InputError(
            f'{name}: expected an array (H, W, 3) in BGR order, (H, W, 4) or (H, W), got shape {array.shape}; '
            'a batch of images is given as a list.'
        )
    if array.dtype not in (np.uint8, np.uint16):
        raise InputError(
            f'{name}: expected uint8 (0 to 255) or uint16, got {array.dtype}; scale it and use .astype(numpy.uint8).'
        )
    pixels = _eight_bits(array, name)
    if pixels.ndim == 2 or pixels.shape[2] == 1:
        return _gray_to_bgr(pixels.reshape(pixels.shape[:2]))
    if pixels.shape[2] == 4:
        opacity = pixels[..., 3:].astype(np.float32) / 255
        pixels = np.rint(pixels[..., :3] * opacity + 255 * (1 - opacity)).astype(np.uint8)
    return np.ascontiguousarray(pixels)


def _eight_bits(array: np.ndarray, name: str) -> np.ndarray:
    """16 bits to 8, keeping the full range: 65535 becomes 255."""
    if array.dtype == np.uint8:
        return array
    if array.min() < 0 or array.max() > 65535:
        raise InputError(
            f'{name}: expected values from 0 to 65535, got {array.min()} to {array.max()}.'
        )
    return np.rint(array / 257.0).astype(np.uint8)


def _gray_to_bgr(gray: np.ndarray) -> np.ndarray:
    return np.repeat(gray[..., None], 3, axis=2)
