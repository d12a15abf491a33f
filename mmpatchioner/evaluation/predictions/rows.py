"""Files of rows, as ``tools/test.py --out`` writes them."""

from __future__ import annotations

from mmpatchioner.datasets.annotations import Task
from mmpatchioner.datasets.annotations.documents import Document
from mmpatchioner.datasets.annotations.fields import as_id, as_list, as_object, as_size, take
from mmpatchioner.evaluation.predictions.base import PredictedImage, PredictionError
from mmpatchioner.evaluation.predictions.by_image import read_caption


def is_rows(document: Document) -> bool:
    """Whether the first line of the file is the header of rows."""
    first = document.first
    return not document.is_list and isinstance(first, dict) and set(first) == {'mmpatchioner'}


def read_row_predictions(document: Document, task: Task) -> list[PredictedImage]:
    """Read the predictions of rows; what the rows have of the annotations is left out.

    Args:
        document: The file.
        task: What was captioned.

    Raises:
        AnnotationError: if a value is missing or of another form.
        PredictionError: if the rows are of another task.
    """
    images: list[PredictedImage] = []
    for where, row in document.items():
        if 'mmpatchioner' in as_object(row, where):
            written_for = take(row, 'mmpatchioner', as_object, where).get('task')
            if written_for != task:
                raise PredictionError(
                    f'{where}: expected rows of the task {task!r}, got some of {written_for!r}; choose the other task.'
                )
            continue
        entries = take(row, 'predictions', as_list, where)
        captions = tuple(read_caption(entry, task, where) for entry in entries)
        width, height = as_size(row, where)
        images.append(PredictedImage(take(row, 'image_id', as_id, where), captions, width, height))
    return images
