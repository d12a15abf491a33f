"""What may be given as input, as one list of images that are read when their turn comes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from mmpatchioner.apis.errors import InputError
from mmpatchioner.apis.images import from_array, from_pil, read_file, read_url

IMAGE_SUFFIXES = frozenset(
    (
        '.jpg',
        '.jpeg',
        '.jpe',
        '.png',
        '.bmp',
        '.dib',
        '.ppm',
        '.pgm',
        '.pbm',
        '.tif',
        '.tiff',
        '.webp',
        '.gif',
    )
)

ImageInput = str | Path | np.ndarray | Image.Image


@dataclass(frozen=True, eq=False)
class ImageSource:
    """One image: where it is, or its pixels.

    Attributes:
        name: What results call it: its path as given, its URL, or ``image_<index>`` for pixels.
        content: A path, a URL, or (H, W, 3) uint8 BGR pixels.
    """

    name: str
    content: Path | str | np.ndarray

    def read(self) -> np.ndarray:
        """The pixels, (H, W, 3) uint8 BGR; files and URLs are read anew at each call.

        Raises:
            InputError: if it can not be read as an image.
        """
        if isinstance(self.content, np.ndarray):
            return self.content
        return read_file(self.content) if isinstance(self.content, Path) else read_url(self.content)

    def with_pixels(self, pixels: np.ndarray) -> ImageSource:
        """Keep the pixels where reading again would mean a download."""
        return ImageSource(self.name, pixels) if isinstance(self.content, str) else self


@dataclass(frozen=True)
class Sources:
    """All images of one call.

    Attributes:
        images: In the order of the call; those of a folder sorted by path.
        form: ``single`` (one image), ``list`` or ``folder``.
    """

    images: tuple[ImageSource, ...]
    form: str

    def __len__(self) -> int:
        return len(self.images)


def list_sources(inputs: ImageInput | Sequence[ImageInput]) -> Sources:
    """List the images of a call without reading them.

    Args:
        inputs: A path, URL, folder (searched with its sub-folders), array (BGR), Pillow image, or a list of them
            (folders not among them).

    Raises:
        InputError: if an entry is of another type, or there is no image in a folder or list.
    """
    if isinstance(inputs, (str, Path)) and not _is_url(inputs) and Path(inputs).is_dir():
        return Sources(_folder(Path(inputs)), 'folder')
    if isinstance(inputs, (list, tuple)):
        if not inputs:
            raise InputError('inputs: expected at least one image, got an empty list.')
        return Sources(tuple(_source(entry, index) for index, entry in enumerate(inputs)), 'list')
    return Sources((_source(inputs, 0),), 'single')  # type: ignore[arg-type]


def _source(entry: ImageInput, index: int) -> ImageSource:
    name = f'image_{index}'
    if isinstance(entry, np.ndarray):
        return ImageSource(name, from_array(entry, name))
    if isinstance(entry, Image.Image):
        return ImageSource(getattr(entry, 'filename', '') or name, from_pil(entry, name))
    if isinstance(entry, str) and _is_url(entry):
        return ImageSource(entry, entry)
    if isinstance(entry, (str, Path)):
        return ImageSource(str(entry), Path(entry))
    raise InputError(
        f'inputs[{index}]: expected a path, URL, folder, array (BGR) or Pillow image, got {type(entry).__name__}.'
    )


def _is_url(text: str | Path) -> bool:
    return str(text).lower().startswith(('http://', 'https://'))


def _folder(folder: Path) -> tuple[ImageSource, ...]:
    files = sorted(
        path
        for path in folder.rglob('*')
        if path.suffix.lower() in IMAGE_SUFFIXES
        and path.is_file()
        and not _is_hidden(path.relative_to(folder))
    )
    if not files:
        raise InputError(
            f'{folder}: no image in this folder or below it; looked for {", ".join(sorted(IMAGE_SUFFIXES))}.'
        )
    return tuple(ImageSource(str(path), path) for path in files)


def _is_hidden(path: Path) -> bool:
    return any(part.startswith('.') for part in path.parts)
