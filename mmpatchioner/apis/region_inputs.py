"""The regions of a call, sorted by image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmpatchioner.apis.errors import InputError

# Levels of nesting of one image's entry: boxes are a list of boxes of numbers, and so on.
_DEPTHS = {'boxes': 2, 'masks': 3, 'points': 2, 'traces': 3, 'region_sets': 3}
_EXAMPLES = {
    'boxes': '[[x1, y1, x2, y2], ...]',
    'masks': '[mask (H, W), ...]',
    'points': '[[x, y], ...]',
    'traces': '[[[x, y], ...], ...]',
    'region_sets': '[[[x1, y1, x2, y2], ...], ...]',
}


def split_by_image(
    num_images: int,
    *,
    single: bool,
    boxes: Any = None,
    masks: Any = None,
    points: Any = None,
    traces: Any = None,
    region_sets: Any = None,
    whole_image: bool | Sequence[bool] = False,
) -> list[dict[str, Any]]:
    """Give every image its own regions.

    For one image each argument is that image's regions, or a list with them as its one entry. For several, each
    argument has one entry per image; ``None`` stands for no region of that kind.

    Args:
        num_images: Number of images of the call.
        single: Whether one image was given by itself, not in a list.
        boxes: ``[[x1, y1, x2, y2], ...]`` of an image.
        masks: (R, H, W) of an image, or a list of (H, W) and COCO run lengths.
        points: ``[[x, y], ...]`` of an image.
        traces: ``[[[x, y], ...], ...]`` of an image.
        region_sets: ``[[[x1, y1, x2, y2], ...], ...]`` of an image.
        whole_image: For all images, or one per image.

    Returns:
        For each image the keyword arguments of ``Regions.from_inputs``.

    Raises:
        InputError: if the number of entries is not the number of images.

    Example:
        >>> split_by_image(1, single=True, boxes=[[0, 0, 5, 5]])[0]['boxes']
        [[0, 0, 5, 5]]
        >>> [entry['boxes'] for entry in split_by_image(2, single=False, boxes=[[[0, 0, 5, 5]], None])]
        [[[0, 0, 5, 5]], None]
    """
    given = {
        'boxes': boxes,
        'masks': masks,
        'points': points,
        'traces': traces,
        'region_sets': region_sets,
    }
    columns = {
        name: _entries(name, value, num_images, single=single) for name, value in given.items()
    }
    if isinstance(whole_image, bool):
        columns['whole_image'] = [whole_image] * num_images
    else:
        _check_length('whole_image', whole_image, num_images, 'one bool per image')
        columns['whole_image'] = list(whole_image)
    return [
        {name: column[index] for name, column in columns.items()} for index in range(num_images)
    ]


def _entries(name: str, value: Any, num_images: int, *, single: bool) -> list[Any]:
    if value is None:
        return [None] * num_images
    if num_images == 1:
        return [_of_one_image(name, value, single=single)]
    _check_length(name, value, num_images, _EXAMPLES[name])
    return list(value)


def _of_one_image(name: str, value: Any, *, single: bool) -> Any:
    """Unwrap a list of one entry; whether it is one shows in the depth of nesting."""
    wrapped = _depth(value) == _DEPTHS[name] + 1
    if not wrapped and not single and isinstance(value, (list, tuple)) and len(value) == 1:
        wrapped = value[0] is None or (isinstance(value[0], (list, tuple)) and not value[0])
    if not wrapped:
        return value
    _check_length(name, value, 1, _EXAMPLES[name])
    return value[0]


def _check_length(name: str, value: Any, num_images: int, example: str) -> None:
    try:
        length = len(value)
    except TypeError as error:
        raise InputError(
            f'{name}: expected a list with one entry per image ({num_images}), got {type(value).__name__}.'
        ) from error
    if length != num_images:
        raise InputError(
            f'{name}: expected one entry per image, {num_images} in all, got {length}; write '
            f'{name}=[<image 0>, <image 1>, ...], where an entry is {example} or None.'
        )


def _depth(value: Any) -> int:
    """Levels of nesting down to numbers.

    Example:
        >>> _depth([[1, 2], [3]]), _depth([]), _depth(3)
        (2, 1, 0)
    """
    if hasattr(value, 'ndim'):
        return int(value.ndim)
    if isinstance(value, dict):  # a mask as COCO run lengths stands for (H, W)
        return 2
    if isinstance(value, (list, tuple)):
        return 1 + max((_depth(entry) for entry in value), default=0)
    return 0
