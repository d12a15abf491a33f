"""Finding an image by its id, however it is written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from mmpatchioner.datasets.annotations import AnnotatedImage

_COCO_NAME = re.compile(r'COCO_\w+_(\d{12})')


class ImageIndex:
    """Positions of annotated images by id.

    An image is found by its exact id first, then by its id or file name with or without folders, suffix, leading zeros
    or COCO's prefix, if that means one image only.

    Args:
        images: The images.

    Example:
        >>> index = ImageIndex([AnnotatedImage('391895', 'COCO_val2014_000000391895.jpg', ())])
        >>> [index.find(name) for name in ('391895', 'val2017/000000391895.jpg', '391896')]
        [0, 0, None]
    """

    def __init__(self, images: Sequence[AnnotatedImage]) -> None:
        self._by_id = {image.image_id: position for position, image in enumerate(images)}
        self._by_alias: dict[str, set[int]] = {}
        for position, image in enumerate(images):
            for name in (image.image_id, image.file_name):
                for alias in _aliases(name):
                    self._by_alias.setdefault(alias, set()).add(position)

    def find(self, name: str) -> int | None:
        """The position of an image, None if there is none of this name, or several."""
        if name in self._by_id:
            return self._by_id[name]
        for alias in _aliases(name):
            positions = self._by_alias.get(alias, set())
            if len(positions) == 1:
                return next(iter(positions))
        return None


def _aliases(name: str) -> Iterator[str]:
    """Ways to write a name, the most exact first."""
    yield name
    path = PurePosixPath(name.replace('\\', '/'))
    yield path.name
    stem = path.stem if path.suffix.lower() in ('.jpg', '.jpeg', '.png', '.webp') else path.name
    yield stem
    match = _COCO_NAME.fullmatch(stem)
    number = match[1] if match else stem
    if number.isdecimal():
        yield str(int(number))
