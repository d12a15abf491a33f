"""Visual Genome's own files, made into the ground truth of dense captioning by ControlCap's rules."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmpatchioner.datasets.annotations.base import (
    AnnotatedImage,
    AnnotationError,
    CaptionedRegion,
)
from mmpatchioner.datasets.annotations.documents import Document, load_document
from mmpatchioner.datasets.annotations.fields import (
    Box,
    as_id,
    as_list,
    as_number,
    as_object,
    as_size,
    as_text,
    names,
    take,
)
from mmpatchioner.datasets.annotations.image_names import image_name
from mmpatchioner.datasets.annotations.phrase_cleaning import clean_phrase

MAX_WORDS = 15
_Path = str | os.PathLike[str]


@dataclass(frozen=True)
class _ImageData:
    width: int
    height: int
    is_coco: bool
    folder: str


def is_visual_genome(document: Document) -> bool:
    """Whether the file is a list of objects with ``regions`` that have a ``phrase``."""
    first = document.first
    return (
        document.is_list
        and isinstance(first, dict)
        and 'regions' in first
        and all(isinstance(region, dict) and 'phrase' in region for region in first['regions'][:1])
    )


def read_visual_genome(
    document: Document,
    split: str | None = None,
    vg_coco: bool = False,
    image_data: _Path | None = None,
    splits_file: _Path | None = None,
    image_names: str = '{id}.jpg',
    raw: bool = False,
) -> tuple[list[AnnotatedImage], Counter[str]]:
    """Read ``region_descriptions.json`` of version 1.2 or 1.0 as ControlCap converts it.

    Phrases are cleaned (:func:`clean_phrase`) and those of more than 15 words are dropped. A box is [x, y, x + width,
    y + height], clamped to the image. Empty phrases and boxes without area are dropped for the split ``'train'`` only:
    for the others they stay, as in the published test sets. Images of which nothing is left are left out.

    Args:
        document: The file.
        split: ``'train'``, ``'val'`` or ``'test'`` of ``splits_file``; None keeps all images.
        vg_coco: Keep only the images that are also COCO's (VG-COCO).
        image_data: ``image_data.json``, which has the sizes; None looks for it beside the file.
        splits_file: ``densecap_splits.json``; None looks for it beside the file.
        image_names: File names of the images: ``{id}`` is the image's id, ``{folder}`` ``VG_100K`` or ``VG_100K_2``.
        raw: Keep all phrases and boxes as they are, the latter as [x, y, x + width, y + height].

    Returns:
        Images and counts of what was dropped or changed.

    Raises:
        FileNotFoundError: if one of the other files is missing.
        AnnotationError: if a value is missing or of another form, or no image is left.
    """
    counts: Counter[str] = Counter()
    wanted = None
    if split is not None:
        splits = _load_beside(document, splits_file, 'densecap_splits.json', 'splits_file')
        wanted = _split_ids(splits, split)
    data = _read_image_data(_load_beside(document, image_data, 'image_data.json', 'image_data'))
    images = []
    for where, entry in document.items():
        image_id = _image_id(entry, where)
        if wanted is not None and image_id not in wanted:
            counts['images of other splits'] += 1
            continue
        if image_id not in data:
            raise AnnotationError(f'{where}: image {image_id} is not in image_data.json.')
        image = data[image_id]
        if vg_coco and not image.is_coco:
            counts['images that are not of COCO'] += 1
            continue
        if raw:
            regions = tuple(
                CaptionedRegion((phrase,), bbox=box) for phrase, box in _records(entry, where)
            )
        else:
            regions = _convert(_records(entry, where), image, split == 'train', counts)
        if not regions:
            counts['images without annotation left out'] += 1
            continue
        name = image_name(image_id, image_names.replace('{folder}', image.folder))
        images.append(AnnotatedImage(image_id, name, regions, image.width, image.height))
    if not images:
        raise AnnotationError(
            f'{document.name}: expected images of the split {split!r}{" and of COCO" * vg_coco}, got none.'
        )
    return images, counts


def clamp_box(box: Box, width: int, height: int) -> Box:
    """An xyxy box kept in the image as ControlCap's converter does.

    x1 and y1 come to lie in [1, side - 1], x2 and y2 at most at the side; an inverted box stays inverted.

    Example:
        >>> clamp_box((-3, 0, 900, 40), 800, 600)
        (1.0, 1.0, 800.0, 40)
    """
    x1, y1, x2, y2 = box
    return (
        min(max(x1, 1.0), width - 1.0),
        min(max(y1, 1.0), height - 1.0),
        min(x2, float(width)),
        min(y2, float(height)),
    )


def _records(entry: dict[str, Any], where: str) -> Iterator[tuple[str, Box]]:
    """Phrases and boxes, xyxy, as they are."""
    for index, record in enumerate(take(entry, 'regions', as_list, where)):
        place = f'{where}, region {index}'
        x, y, w, h = (take(record, key, as_number, place) for key in ('x', 'y', 'width', 'height'))
        yield take(record, 'phrase', as_text, place), (x, y, x + w, y + h)


def _convert(
    records: Iterable[tuple[str, Box]], image: _ImageData, is_train: bool, counts: Counter[str]
) -> tuple[CaptionedRegion, ...]:
    """Regions by ControlCap's rules."""
    regions = []
    for phrase, raw_box in records:
        caption = clean_phrase(phrase)
        box = clamp_box(raw_box, image.width, image.height)
        if len(caption.split()) > MAX_WORDS:
            counts[f'captions of more than {MAX_WORDS} words dropped'] += 1
        elif is_train and not caption:
            counts['empty captions dropped'] += 1
        elif is_train and (box[2] <= box[0] or box[3] <= box[1]):
            counts['boxes without area dropped'] += 1
        else:
            counts['boxes clamped to the image'] += box != raw_box
            regions.append(CaptionedRegion((caption,), bbox=box))
    return tuple(regions)


def _read_image_data(document: Document) -> dict[str, _ImageData]:
    data = {}
    for where, entry in document.items():
        width, height = as_size(as_object(entry, where), where)
        if width is None or height is None:
            raise AnnotationError(f"{where}: expected 'width' and 'height', got {names(entry)}.")
        folder = 'VG_100K_2' if '/VG_100K_2/' in str(entry.get('url')) else 'VG_100K'
        is_coco = entry.get('coco_id') is not None
        data[_image_id(entry, where)] = _ImageData(width, height, is_coco, folder)
    return data


def _image_id(entry: Any, where: str) -> str:
    """The id, which version 1.2 calls ``image_id`` in image_data.json and version 1.0 ``id``."""
    key = 'image_id' if 'image_id' in as_object(entry, where) else 'id'
    return take(entry, key, as_id, where)


def _split_ids(document: Document, split: str) -> set[str]:
    splits = as_object(document.value, document.name)
    if split not in splits:
        raise AnnotationError(
            f'{document.name}: expected the split {split!r}, got {names(splits)}.'
        )
    return {as_id(value, document.name) for value in as_list(splits[split], document.name)}


def _load_beside(document: Document, path: _Path | None, name: str, option: str) -> Document:
    """Another file of the data set, by default the one beside ``document``."""
    if path is None:
        path = (document.folder or Path()) / name
        if not path.is_file():
            raise FileNotFoundError(
                f'{document.name}: expected {name} beside it; name the file by the option `{option}`.'
            )
    return load_document(path)
