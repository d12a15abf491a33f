"""Captions of whole images: COCO's files, the official list of Karpathy's test images, Karpathy's own file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from mmpatchioner.datasets.annotations.base import (
    AnnotatedImage,
    AnnotationError,
    CaptionedRegion,
)
from mmpatchioner.datasets.annotations.coco_like import first_annotation, grouped, make_image
from mmpatchioner.datasets.annotations.documents import Document, load_document
from mmpatchioner.datasets.annotations.fields import (
    as_id,
    as_list,
    as_object,
    as_text,
    names,
    take,
)

PACKAGED_CAPTIONS = 'pycocoevalcap'
_JAR = 'package://pycocoevalcap/spice/spice-1.0.jar'
_JAR_MEMBER = 'coco/annotations/captions_{split}2014.json'


def is_coco_captions(document: Document) -> bool:
    """Whether the file has ``images``, and captions without boxes or no captions at all."""
    annotation = first_annotation(document)
    return annotation is not None and 'bbox' not in annotation and not is_karpathy(document)


def is_karpathy(document: Document) -> bool:
    """Whether the file has ``images`` with ``sentences``."""
    if first_annotation(document) is None:
        return False
    images = document.first['images']
    first = images[0] if isinstance(images, list) and images else None
    return isinstance(first, dict) and 'sentences' in first


def read_coco_captions(
    document: Document,
    captions: str | None = None,
    captions_member: str | None = None,
) -> tuple[list[AnnotatedImage], Counter[str]]:
    """Read COCO captions: ``{"images": [...], "annotations": [{"image_id", "caption"}]}``.

    A list of images without annotations, as the published ``coco-test.json`` of Karpathy's test images is, takes its
    captions from another file.

    Args:
        document: The file.
        captions: File of the captions, where ``document`` has none: path or ``package://NAME/path``.
            ``'pycocoevalcap'`` stands for COCO 2014, train and val, inside that package.
        captions_member: File to read inside of ``captions``, which then is a zip or jar archive.

    Returns:
        Images that have a caption, and how many were left out.

    Raises:
        AnnotationError: if there are no captions, or a value is missing or of another form.
    """
    content = as_object(document.value, document.name)
    if captions is not None:
        content = _with_captions(content, document.name, captions, captions_member)
    elif 'annotations' not in content:
        raise AnnotationError(
            f"{document.name}: expected captions under the key 'annotations', got a list of images only; name the file "
            'that has them by the option `captions`: e.g. captions_val2014.json, or '
            f'{PACKAGED_CAPTIONS!r} for those of COCO 2014.'
        )
    images: list[AnnotatedImage] = []
    counts: Counter[str] = Counter()
    for where, image, records in grouped(content, document.name):
        references = tuple(take(record, 'caption', as_text, where) for record in records)
        if references:
            images.append(make_image(image, (CaptionedRegion(references),), where))
        else:
            counts['images without annotation left out'] += 1
    return images, counts


def read_karpathy(
    document: Document, splits: Iterable[str] | None = None
) -> tuple[list[AnnotatedImage], Counter[str]]:
    """Read Karpathy's ``{"images": [{"filename", "split", "sentences": [{"raw"}]}]}``.

    Args:
        document: The file, e.g. ``dataset_coco.json`` or ``dataset_flickr30k.json``.
        splits: Keep the images of these splits, e.g. ``['test']``; None keeps all.

    Returns:
        Images, and how many were left out.

    Raises:
        AnnotationError: if a value is missing or of another form, or no image is left.
    """
    wanted = None if splits is None else {splits} if isinstance(splits, str) else set(splits)
    images: list[AnnotatedImage] = []
    counts: Counter[str] = Counter()
    for index, image in enumerate(take(document.value, 'images', as_list, document.name)):
        where = f'{document.name}, image {index}'
        if wanted is None or as_object(image, where).get('split') in wanted:
            images.append(_karpathy_image(image, where))
        else:
            counts['images of other splits'] += 1
    if not images:
        raise AnnotationError(
            f'{document.name}: expected images of the splits {sorted(wanted or ())}, got none.'
        )
    return images, counts


def _karpathy_image(image: dict[str, Any], where: str) -> AnnotatedImage:
    file_name = take(image, 'filename', as_text, where)
    folder = image.get('filepath')
    image_id = as_id(image.get('cocoid', file_name), where)
    captions = tuple(
        take(sentence, 'raw', as_text, where)
        for sentence in take(image, 'sentences', as_list, where)
    )
    name = f'{folder}/{file_name}' if folder else file_name
    return AnnotatedImage(image_id, name, (CaptionedRegion(captions),))


def _with_captions(
    content: dict[str, Any], name: str, captions: str, member: str | None
) -> dict[str, Any]:
    """The images of a file with the annotations of others that belong to them."""
    images = take(content, 'images', as_list, name)
    wanted = {take(image, 'id', as_id, name) for image in images}
    if captions == PACKAGED_CAPTIONS:
        sources: list[tuple[str, str | None]] = [
            (_JAR, _JAR_MEMBER.format(split=split)) for split in ('val', 'train')
        ]
    else:
        sources = [(captions, member)]
    annotations: list[Any] = []
    for path, inner in sources:
        if not wanted:
            break
        source = load_document(path, inner)
        found = [
            annotation
            for annotation in take(source.value, 'annotations', as_list, source.name)
            if take(annotation, 'image_id', as_id, source.name) in wanted
        ]
        annotations += found
        wanted -= {str(annotation['image_id']) for annotation in found}
    if wanted:
        raise AnnotationError(
            f'{captions}: expected captions of all {len(images):,} images of {name}, got none of '
            f'{len(wanted):,}, e.g. {names(dict.fromkeys(sorted(wanted)))}.'
        )
    return {'images': images, 'annotations': annotations}
