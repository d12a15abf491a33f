"""Where the image files of a dataset lie."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

_FOLDERS = ('train2014', 'val2014', 'train2017', 'val2017', 'VG_100K', 'VG_100K_2', 'images')
"""Sub-folders that COCO, Visual Genome and others unpack to."""

_COCO_2014 = re.compile(r'COCO_(?:train|val)2014_(\d{12}\.jpg)')
_COCO_2017 = re.compile(r'\d{12}\.jpg')


class ImageFolder:
    """Finds images by the names that annotation files have for them.

    A name is looked up as it is below the folder, then by its base name in the folder and its known sub-folders. The
    2014 and 2017 releases of COCO hold the same photos under two names, either of which will do.

    Args:
        path: The folder.

    Example:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> (root / 'val2017').mkdir()
        >>> (root / 'val2017' / '000000000009.jpg').touch()
        >>> ImageFolder(root).find('COCO_val2014_000000000009.jpg').relative_to(root).as_posix()
        'val2017/000000000009.jpg'
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._by_name: dict[str, Path] | None = None

    def find(self, file_name: str) -> Path | None:
        """The file of an image, None if there is none."""
        named = self.path / file_name
        if named.is_file():
            return named
        if self._by_name is None:
            self._by_name = self._list()
        candidates = (self._by_name.get(name) for name in _names(Path(file_name).name))
        return next((path for path in candidates if path is not None), None)

    def searched(self) -> list[str]:
        """The folders that are searched, those that are there."""
        return [str(folder) for folder in self._folders() if folder.is_dir()]

    def _list(self) -> dict[str, Path]:
        # One listing of a folder is cheaper than a question for every image, on network drives above all.
        files: dict[str, Path] = {}
        for folder in self._folders():
            if folder.is_dir():
                for path in folder.iterdir():
                    files.setdefault(path.name, path)
        return files

    def _folders(self) -> Sequence[Path]:
        return [self.path, *(self.path / name for name in _FOLDERS)]


def _names(name: str) -> Iterator[str]:
    """A base name and those that the same photo may have."""
    yield name
    if match := _COCO_2014.fullmatch(name):
        yield match.group(1)
    elif _COCO_2017.fullmatch(name):
        yield from (f'COCO_{split}2014_{name}' for split in ('val', 'train'))
