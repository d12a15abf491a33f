"""Which images are wanted: lists of images of the published splits."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mmpatchioner.datasets.annotations.base import AnnotationError
from mmpatchioner.datasets.annotations.documents import load_document
from mmpatchioner.datasets.annotations.fields import as_id, as_list, take

_COCO_NAME = re.compile(r'COCO_\w+_(\d+)')


def image_key(name: str) -> str:
    """What an image is known by, given its id or file name in any of the usual forms.

    Folder, ending, the prefix of COCO's 2014 file names and leading zeros do not count.

    Example:
        >>> [image_key(name) for name in ('COCO_val2014_000000391895.jpg', '000000391895.jpg', '391895')]
        ['391895', '391895', '391895']
        >>> image_key('flickr30k/1007129816.jpg')
        '1007129816'
    """
    stem = re.sub(r'\.(?:jpe?g|png)$', '', name.replace('\\', '/').rpartition('/')[2], flags=re.I)
    match = _COCO_NAME.fullmatch(stem)
    stem = match[1] if match else stem
    return (stem.lstrip('0') or '0') if stem.isdecimal() else stem


def read_image_list(path: str | Path, split: str | None = None) -> frozenset[str]:
    """Keys of the images that a file lists.

    The file is JSON with ``images`` (COCO style, Karpathy's splits: the file name counts where there is one, otherwise
    the id), a JSON list of ids or names, or a text file with one a line.

    Args:
        path: The file.
        split: Take the images with this ``split`` only, which Karpathy's files tell of each.

    Raises:
        OSError: if it can not be read.
        AnnotationError: if it lists no images.
    """
    document = load_document(path)
    if document.text[:1] in ('{', '['):
        content = document.value
        if not isinstance(content, list):
            content = take(content, 'images', as_list, document.name)
        names = [
            _name(image, f'{document.name}, image {index}')
            for index, image in enumerate(content)
            if split is None or (isinstance(image, dict) and image.get('split') == split)
        ]
    else:
        names = [line.strip() for line in document.text.splitlines() if line.strip()]
    if not names:
        of_split = f' of the split {split!r}' if split else ''
        raise AnnotationError(f'{document.name}: expected a list of images{of_split}, it has none.')
    return frozenset(map(image_key, names))


def _name(image: Any, where: str) -> str:
    if isinstance(image, dict):
        key = next((key for key in ('file_name', 'filename') if key in image), 'id')
        return take(image, key, as_id, where)
    return as_id(image, where)
