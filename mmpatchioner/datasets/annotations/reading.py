"""Reading of annotation files, whatever their format."""

from __future__ import annotations

import inspect
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mmpatchioner.datasets.annotations.base import (
    TASKS,
    AnnotatedImage,
    AnnotationError,
    Annotations,
    CaptionedRegion,
    Task,
)
from mmpatchioner.datasets.annotations.boxes import check_box_format
from mmpatchioner.datasets.annotations.coco_captions import (
    is_coco_captions,
    is_karpathy,
    read_coco_captions,
    read_karpathy,
)
from mmpatchioner.datasets.annotations.controlcap import is_controlcap, read_controlcap
from mmpatchioner.datasets.annotations.documents import Document, load_document
from mmpatchioner.datasets.annotations.entities import is_entities, read_entities
from mmpatchioner.datasets.annotations.fields import Box, names, shorten
from mmpatchioner.datasets.annotations.findings import count_findings
from mmpatchioner.datasets.annotations.grit import is_grit, read_grit
from mmpatchioner.datasets.annotations.jsonl import is_jsonl, read_jsonl
from mmpatchioner.datasets.annotations.simple import is_simple, read_simple
from mmpatchioner.datasets.annotations.traces import is_traces, read_traces
from mmpatchioner.datasets.annotations.visual_genome import is_visual_genome, read_visual_genome

FilePath = str | os.PathLike[str]
_Parsed = tuple[list[AnnotatedImage], Counter[str]]


@dataclass(frozen=True)
class _Format:
    matches: Callable[[Document], bool]
    read: Callable[..., _Parsed]
    tasks: tuple[str, ...]


# In the order in which they are tried: what is special before what is general.
_FORMATS: dict[str, _Format] = {
    'visual_genome': _Format(is_visual_genome, read_visual_genome, ('dense',)),
    'grit': _Format(is_grit, read_grit, ('dense',)),
    'controlcap': _Format(is_controlcap, read_controlcap, ('dense',)),
    'karpathy': _Format(is_karpathy, read_karpathy, ('image',)),
    'coco_captions': _Format(is_coco_captions, read_coco_captions, ('image',)),
    'traces': _Format(is_traces, read_traces, ('trace',)),
    'jsonl': _Format(is_jsonl, read_jsonl, TASKS),
    'simple': _Format(is_simple, read_simple, TASKS),
    'entities': _Format(is_entities, read_entities, ('region_set',)),
}
FORMATS: tuple[str, ...] = tuple(_FORMATS)
"""Names of the formats that can be read."""


def read_annotations(
    path: FilePath | Sequence[FilePath],
    task: Task,
    file_format: str = 'auto',
    *,
    member: str | None = None,
    check_boxes: bool = True,
    **options: Any,
) -> Annotations:
    """Read captioned regions or images.

    =================  ===========  ==================================================================
    ``visual_genome``  dense        ``region_descriptions.json``; options ``split``, ``vg_coco``, ...
    ``controlcap``     dense        ``images`` and ``annotations`` with ``bbox`` **xyxy**, ``caption``
    ``grit``           dense        the same with ``category_id`` and ``bbox`` **xywh**; ``longest_side``
    ``karpathy``       image        ``dataset_coco.json``, ``dataset_flickr30k.json``; ``splits``
    ``coco_captions``  image        COCO captions; ``captions`` for lists of images without them
    ``traces``         trace        ``{"id": {"captions", "traces"}}``
    ``entities``       region_set   ``{"id": {"caption": [boxes]}}``
    ``jsonl``          any          a line for each image: ``image``, ``regions`` or ``captions``; ``splits``
    ``simple``         any          ``{"id": [{"bbox", "caption"}]}``
    =================  ===========  ==================================================================

    The options are those of the format's own function, e.g. :func:`.read_visual_genome`; ``split='val'`` is the same as
    ``splits=['val']``. Nothing is repaired silently:
    ``counts`` of the result tells what the file has that is unusual, and what was left out.

    Args:
        path: The file, or several that are one together, e.g. the two parts of the trace benchmark;
            ``package://NAME/path`` is a file inside an installed Python package.
        task: What is captioned: ``'dense'``, ``'region_set'``, ``'trace'`` or ``'image'``.
        file_format: One of the names above; ``'auto'`` finds it by the keys of the file.
        member: File to read inside of ``path``, which then is a zip or jar archive.
        check_boxes: Whether to refuse files whose boxes look like those of another format or frame.
        **options: Of the format.

    Returns:
        The images in the order of the file.

    Raises:
        FileNotFoundError: if a file is missing.
        AnnotationError: if the format is unknown or does not serve the task, a value is missing or of another form, or
            an image comes twice, or the format has no such option.
        BoxFormatError: an AnnotationError, if the boxes are not what the format says.

    Example:
        >>> read_annotations('test.json', 'dense', 'coco')
        Traceback (most recent call last):
            ...
        mmpatchioner.datasets.annotations.base.AnnotationError: file_format: expected 'auto' or one of 'visual_genome',
        'grit', 'controlcap', 'karpathy', 'coco_captions', 'traces', 'jsonl', 'simple', ..., got 'coco'.
    """
    if task not in TASKS:
        raise AnnotationError(f'task: expected one of {", ".join(TASKS)}, got {task!r}.')
    if file_format != 'auto' and file_format not in _FORMATS:
        raise AnnotationError(
            f"file_format: expected 'auto' or one of {names(_FORMATS)}, got {file_format!r}."
        )
    images: list[AnnotatedImage] = []
    counts: Counter[str] = Counter()
    name = file_format
    for part in [path] if isinstance(path, (str, os.PathLike)) else path:
        document = load_document(part, member)
        name = _find_format(document, task) if name == 'auto' else name
        found, left_out = _read(document, name, task, options)
        images += found
        counts += left_out
        if check_boxes:
            _check_boxes(found, document.name, name)
            _check_points(found, document.name)
    _check_unique(images, path)
    return Annotations(task, name, tuple(images), counts + count_findings(images))


def _find_format(document: Document, task: Task) -> str:
    matching = [name for name, entry in _FORMATS.items() if entry.matches(document)]
    fitting = [name for name in matching if task in _FORMATS[name].tasks]
    if fitting:
        return fitting[0]
    if matching:
        tasks = ', '.join(map(repr, _FORMATS[matching[0]].tasks))
        raise AnnotationError(
            f'{document.name}: it looks like the format {matching[0]!r}, which is for the task {tasks}, not {task!r}; '
            'choose another file or another task.'
        )
    first = document.first
    found = f'the keys {names(first)}' if isinstance(first, dict) else shorten(first)
    if isinstance(first, dict) and first and isinstance(next(iter(first.values())), dict):
        found += f', in them {names(next(iter(first.values())))}'
    raise AnnotationError(
        f'{document.name}: expected annotations in one of the formats {", ".join(FORMATS)}, got '
        f'{"a list of objects with " * (document.is_list and isinstance(first, dict))}{found}.'
    )


def _read(document: Document, name: str, task: Task, options: dict[str, Any]) -> _Parsed:
    chosen = _FORMATS[name]
    if task not in chosen.tasks:
        tasks = ', '.join(map(repr, chosen.tasks))
        raise AnnotationError(
            f'file_format: {name!r} is for the task {tasks}, not {task!r}; choose another format or another task.'
        )
    parameters = list(inspect.signature(chosen.read).parameters)[1:]
    accepted = [parameter for parameter in parameters if parameter != 'task']
    if 'split' in options and 'splits' in accepted:
        options = {**options, 'splits': [options['split']]}
        del options['split']
    unknown = sorted(set(options) - set(accepted))
    if unknown:
        raise AnnotationError(
            f'{document.name}: the format {name!r} has no option {", ".join(map(repr, unknown))}; it has '
            f'{names(dict.fromkeys(accepted))}.'
        )
    if 'task' in parameters:
        return chosen.read(document, task, **options)
    return chosen.read(document, **options)


def _check_boxes(images: Sequence[AnnotatedImage], source: str, name: str) -> None:
    form = 'x, y, width, height' if name == 'grit' else 'x1, y1, x2, y2'
    other = "; 'grit' is [x, y, width, height]" if name == 'controlcap' else ''
    check_box_format(
        [[box for region in image.regions for box in _boxes(region)] for image in images],
        [(image.width, image.height) for image in images],
        source,
        f'Boxes of the format {name!r} are [{form}] in pixels of the original image{other}.',
    )


def _boxes(region: CaptionedRegion) -> Sequence[Box]:
    return (region.bbox,) if region.bbox is not None else region.bboxes or ()


def _check_points(images: Sequence[AnnotatedImage], source: str) -> None:
    points = [
        point for image in images for region in image.regions for point in region.points or ()
    ]
    far = sum(max(point) > 2 for point in points)
    if far > len(points) / 2:
        raise AnnotationError(
            f'{source}: {far:,} of {len(points):,} points lie far outside the image, e.g. {list(points[0])}; they look '
            "like pixels. Points are shares of the image's width and height, from 0 to 1."
        )


def _check_unique(images: Sequence[AnnotatedImage], source: object) -> None:
    seen: set[str] = set()
    for image in images:
        if image.image_id in seen:
            raise AnnotationError(
                f'{source}: image {image.image_id!r} comes twice; join its regions in one entry.'
            )
        seen.add(image.image_id)
