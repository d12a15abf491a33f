"""Reading of prediction files, whatever their format."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from mmpatchioner.datasets.annotations import TASKS, AnnotationError, Task
from mmpatchioner.datasets.annotations.boxes import LUA_SIDE
from mmpatchioner.datasets.annotations.documents import Document, load_document
from mmpatchioner.datasets.annotations.fields import names, shorten
from mmpatchioner.evaluation.predictions.base import (
    PredictedCaption,
    PredictedImage,
    PredictionError,
    Predictions,
)
from mmpatchioner.evaluation.predictions.by_image import is_by_image, read_by_image
from mmpatchioner.evaluation.predictions.flat import is_flat, is_grit, read_flat, read_grit
from mmpatchioner.evaluation.predictions.official import is_official, read_official
from mmpatchioner.evaluation.predictions.results import ScoreMode, is_results, read_results
from mmpatchioner.evaluation.predictions.rows import is_rows, read_row_predictions


@dataclass(frozen=True)
class _Format:
    matches: Callable[[Document], bool]
    read: Callable[..., list[PredictedImage]]
    tasks: tuple[str, ...] = TASKS
    longest_side: int | None = None


# In the order in which they are tried: what is special before what is general.
_FORMATS: dict[str, _Format] = {
    'rows': _Format(is_rows, read_row_predictions),
    'official': _Format(is_official, read_official),
    'results': _Format(is_results, read_results),
    'grit': _Format(is_grit, lambda document, _: read_grit(document), ('dense',), LUA_SIDE),
    'flat': _Format(is_flat, read_flat),
    'by_image': _Format(is_by_image, read_by_image),
}
PREDICTION_FORMATS: tuple[str, ...] = tuple(_FORMATS)
"""Names of the formats that can be read."""


def read_predictions(
    path: str | os.PathLike[str],
    task: Task,
    file_format: str = 'auto',
    score_mode: ScoreMode = 'caption',
) -> Predictions:
    """Read the captions that a model made.

    ============  =============================================================================
    ``by_image``  ``{"id": [{"bbox": [x1, y1, x2, y2], "caption", "score"}]}``, or captions alone
    ``flat``      ``[{"image_id", "caption"}]``, COCO's caption results; dense: ``bbox`` xyxy, ``score``
    ``rows``      JSON lines of ``tools/test.py --out``
    ``results``   JSON of ``tools/image_demo.py``, a list or lines of it, or its folder ``preds``
    ``official``  the authors' ``{"predictions", "img_paths", "bboxes", ...}``, ``bbox`` xywh
    ``grit``      GRiT's ``vg_instances_results.json``, ``bbox`` xywh in images of 720 pixels
    ============  =============================================================================

    Args:
        path: The file, or a folder of ``results``.
        task: What was captioned: ``'dense'``, ``'region_set'``, ``'trace'`` or ``'image'``.
        file_format: One of the names above; ``'auto'`` finds it by the keys of the file.
        score_mode: What captions of ``results`` are ranked by: ``'caption'``, ``'detection'`` or ``'product'``.

    Returns:
        The images in the order of the file.

    Raises:
        FileNotFoundError: if the file is missing.
        PredictionError: if the format is unknown or does not serve the task, a value is missing or of another form, an
            image comes twice, or only some captions have a score.
    """
    if file_format != 'auto' and file_format not in _FORMATS:
        raise PredictionError(
            f"file_format: expected 'auto' or one of {', '.join(_FORMATS)}, got {file_format!r}."
        )
    try:
        images: list[PredictedImage] = []
        name = file_format
        for document in _documents(path):
            name = _find_format(document) if name == 'auto' else name
            images += _read(document, name, task, score_mode)
    except AnnotationError as error:
        raise PredictionError(str(error)) from error
    source = os.fspath(path)
    _check_unique(images, source)
    counts: Counter[str] = Counter()
    if task == 'dense':
        images, counts = _with_scores(images, source)
    counts['empty captions'] = sum(
        not caption.caption for image in images for caption in image.captions
    )
    side = _FORMATS[name].longest_side
    return Predictions(task, name, source, tuple(images), side, +counts)


def _documents(path: str | os.PathLike[str]) -> list[Document]:
    if not Path(path).is_dir():
        return [load_document(path)]
    files = sorted(Path(path).glob('*.json'))
    if not files:
        raise PredictionError(f'{path}: expected JSON files in the folder, found none.')
    return [load_document(file) for file in files]


def _read(document: Document, name: str, task: Task, mode: ScoreMode) -> list[PredictedImage]:
    if task not in _FORMATS[name].tasks:
        raise PredictionError(
            f'{document.name}: the format {name!r} is for the task '
            f'{", ".join(map(repr, _FORMATS[name].tasks))}, not {task!r}.'
        )
    if name == 'results':
        return read_results(document, task, mode)
    return _FORMATS[name].read(document, task)


def _find_format(document: Document) -> str:
    for name, candidate in _FORMATS.items():
        if candidate.matches(document):
            return name
    first = document.first
    found = f'the keys {names(first)}' if isinstance(first, dict) else shorten(first)
    raise PredictionError(
        f'{document.name}: expected predictions in one of the formats {", ".join(_FORMATS)}, got '
        f'{"a list of objects with " * (document.is_list and isinstance(first, dict))}{found}.'
    )


def _check_unique(images: list[PredictedImage], source: str) -> None:
    seen: set[str] = set()
    for image in images:
        if image.image_id in seen:
            raise PredictionError(f'{source}: image {image.image_id!r} comes twice; drop one.')
        seen.add(image.image_id)


def _with_scores(
    images: list[PredictedImage], source: str
) -> tuple[list[PredictedImage], Counter[str]]:
    """The images with a score for each caption: 1.0 where the whole file has none, as for crops of given boxes."""
    scored = [caption.score is not None for image in images for caption in image.captions]
    if all(scored):
        return images, Counter()
    if any(scored):
        raise PredictionError(
            f"{source}: expected a 'score' for each caption, got none for {scored.count(False):,} of {len(scored):,}; "
            'give all of them one, or none.'
        )
    return [_scored(image) for image in images], Counter(
        {'captions without a score, ranked in the order of the file': len(scored)}
    )


def _scored(image: PredictedImage) -> PredictedImage:
    captions = tuple(
        PredictedCaption(caption.caption, 1.0, caption.bbox) for caption in image.captions
    )
    return replace(image, captions=captions)
