"""File names of images whose annotations tell their ids only."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

_LARGEST_COCO_ID = 581_929
_SUFFIXES = frozenset(('.jpg', '.jpeg', '.png', '.webp', '.bmp'))


def image_name(image_id: str, template: str = '{id}.jpg') -> str:
    """The file name of an image.

    Args:
        image_id: Id, or a file name, which is returned as it is.
        template: How the name is made: ``{id}`` is the id as text, ``{number:012d}`` as a number.

    Example:
        >>> image_name('391895', 'val2017/{number:012d}.jpg')
        'val2017/000000391895.jpg'
    """
    if Path(image_id).suffix.lower() in _SUFFIXES:
        return image_id
    number = int(image_id) if image_id.isdecimal() else 0
    return template.format(id=image_id, number=number)


def are_coco_ids(image_ids: Iterable[str]) -> bool:
    """Whether all ids are numbers that COCO has; those of Flickr30k's images are larger for the most part.

    Example:
        >>> are_coco_ids(['391895', '60623']), are_coco_ids(['36979', '1007129816'])
        (True, False)
    """
    return all(image_id.isdecimal() and int(image_id) <= _LARGEST_COCO_ID for image_id in image_ids)
