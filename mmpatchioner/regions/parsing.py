"""What a user may write for a region, as tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from pycocotools import mask as coco_mask
from torch import Tensor

from .checks import check_shape
from .errors import RegionError


def parse_coordinates(field: str, value: Any, width: int) -> Tensor:
    """Read rows of coordinates.

    Args:
        field: Name for the error, such as ``'boxes'``.
        value: Anything that makes an array of shape (R, width): nested lists, numpy, a tensor. None is empty.
        width: 4 for boxes, 2 for points.

    Returns:
        (R, width) float64, on the device of ``value``.

    Raises:
        RegionError: If these are not numbers of this shape.
    """
    if isinstance(value, Tensor):
        rows = value.detach()
    else:
        try:
            nested = [] if value is None else _without_tensors(value)
            rows = torch.from_numpy(np.array(nested, dtype=np.float64))
        except (TypeError, ValueError) as error:
            raise RegionError(
                f'{field}: expected numbers of shape (R, {width}), got {_brief(value)}.'
            ) from error
    if rows.numel() == 0 and rows.ndim in (1, 2):
        rows = rows.reshape(0, width)
    check_shape(rows, field, width)
    return rows.to(torch.float64)


def parse_groups(field: str, value: Any, width: int) -> tuple[Tensor, ...]:
    """Read groups of rows of coordinates: traces, or sets of boxes.

    Args:
        field: Name for the error.
        value: A list, tuple, array or tensor with one (L, width) a group. None is empty.
        width: 4 for boxes, 2 for points.

    Returns:
        One (L, width) float64 a group.

    Raises:
        RegionError: If these are not groups of numbers of this shape.
    """
    groups = _items(field, value, f'arrays of shape (L, {width})')
    return tuple(parse_coordinates(f'{field}[{i}]', group, width) for i, group in enumerate(groups))


def parse_masks(field: str, value: Any) -> Tensor:
    """Read masks.

    Args:
        field: Name for the error.
        value: (R, H, W) array or tensor of bool or integers (non-zero is inside), or of floats 0 and 1; or a list of
            (H, W) ones and COCO RLE dicts, mixed at will.

    Returns:
        (R, H, W) bool, on the device of ``value``.

    Raises:
        RegionError: If a mask is not one of these, or they differ in size.
    """
    if isinstance(value, Tensor | np.ndarray) and 0 not in value.shape:
        return _parse_mask(field, value, ndim=3)
    items = _items(field, value, '(H, W) masks or COCO RLE dicts')
    masks = [_parse_mask(f'{field}[{i}]', mask, ndim=2) for i, mask in enumerate(items)]
    if not masks:
        return torch.zeros(0, 0, 0, dtype=torch.bool)
    for i, mask in enumerate(masks):
        if mask.shape != masks[0].shape:
            raise RegionError(
                f'{field}[{i}]: expected the size of the first mask, {tuple(masks[0].shape)}, '
                f'got {tuple(mask.shape)}.'
            )
    return torch.stack(masks)


def encode_mask(mask: Tensor) -> dict[str, Any]:
    """Write a mask as a COCO RLE dict that JSON can hold.

    Args:
        mask: (H, W) bool.

    Returns:
        ``{'size': [H, W], 'counts': str}``.
    """
    rle = coco_mask.encode(np.asfortranarray(mask.cpu().numpy(), dtype=np.uint8))
    return {'size': [int(side) for side in rle['size']], 'counts': rle['counts'].decode('ascii')}


def _parse_mask(field: str, value: Any, ndim: int) -> Tensor:
    if isinstance(value, Mapping):
        return _decode_mask(field, value)
    mask = (
        value.detach() if isinstance(value, Tensor) else torch.from_numpy(_mask_array(field, value))
    )
    if mask.ndim != ndim:
        shape = '(R, H, W)' if ndim == 3 else '(H, W)'
        raise RegionError(f'{field}: expected shape {shape}, got {tuple(mask.shape)}.')
    if mask.is_floating_point() and not ((mask == 0) | (mask == 1)).all():
        raise RegionError(
            f'{field}: expected a mask of 0 and 1, got other numbers; threshold it first, as in mask > 0.5.'
        )
    return mask.bool()


def _decode_mask(field: str, rle: Mapping[str, Any]) -> Tensor:
    try:
        height, width = rle['size']
        coded = dict(rle)
        if isinstance(rle['counts'], list | tuple):
            if sum(rle['counts']) != height * width:
                raise ValueError('the counts do not add up to the size')
            coded = coco_mask.frPyObjects(coded, height, width)
        return torch.from_numpy(coco_mask.decode(coded)).bool()
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise RegionError(
            f"{field}: expected a COCO RLE dict {{'size': [H, W], 'counts': ...}}, got {_brief(rle)} ({error})."
        ) from error


def _mask_array(field: str, value: Any) -> np.ndarray:
    try:
        array = np.array(value)
    except ValueError as error:
        raise RegionError(f'{field}: expected a mask, got {_brief(value)}.') from error
    if array.dtype.kind not in 'biuf':
        raise RegionError(f'{field}: expected a mask of bool or numbers, got {_brief(value)}.')
    return array.astype(np.float64) if array.dtype.kind == 'f' else array != 0


def _items(field: str, value: Any, content: str) -> list[Any]:
    if value is None:
        return []
    arrays = isinstance(value, np.ndarray | Tensor) and value.ndim > 0
    if not arrays and not isinstance(value, list | tuple):
        raise RegionError(
            f'{field}: expected a list of {content}, got {_brief(value)}; write [...].'
        )
    return list(value)


def _without_tensors(value: Any) -> Any:
    """The same nested lists with arrays in the place of tensors, which numpy reads only on the CPU."""
    if isinstance(value, Tensor):
        return value.detach().cpu().numpy()
    if isinstance(value, list | tuple):
        return [_without_tensors(item) for item in value]
    return value


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f'{text[:77]}...'
