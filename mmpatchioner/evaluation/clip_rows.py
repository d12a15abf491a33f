"""CLIP-S and its relatives for the rows of a task, on pictures in which the region is seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from mmpatchioner.evaluation.clip_scorer import ClipScorer
from mmpatchioner.evaluation.functional.region_pictures import (
    cut_out,
    through_jpeg,
    with_boxes,
    with_trace,
)
from mmpatchioner.evaluation.functional.rows import PredictedRegion, Row

_OF_PICTURES = ('CLIP-S', 'PAC-S')


class ClipRows:
    """Scores rows by a :class:`ClipScorer`.

    The picture of a caption is the image with its region drawn on it, saved as JPEG, as the released code has it; for
    whole images the image itself. Dense captioning also has ``CLIP-S_cropped`` and ``PAC-S_cropped``, on crops.

    Args:
        image_root: Folder of the images, if the file names of the rows are relative to one.
        **scorer: Arguments of :class:`ClipScorer`.
    """

    def __init__(self, image_root: str | Path | None = None, **scorer: Any) -> None:
        self.image_root = Path(image_root) if image_root is not None else None
        self.scorer = ClipScorer(**scorer)

    def __call__(self, task: str, rows: Sequence[Row]) -> dict[str, float]:
        """Means over all captions.

        Args:
            task: What is captioned.
            rows: Predictions and references one to one.

        Raises:
            FileNotFoundError: if an image is missing.
            CheckpointError: if CLIP's weights are missing or do not fit.
        """
        candidates = [region['caption'] for row in rows for region in row['predictions']]
        references = [region['captions'] for row in rows for region in row['ground_truth']]
        scores = self.scorer.scores(self._pictures(task, rows), candidates, references)
        if task == 'dense':
            crops = self.scorer.scores(self._pictures('crop', rows), candidates)
            scores |= {f'{name}_cropped': crops[name] for name in _OF_PICTURES if name in crops}
        return scores

    def _pictures(self, kind: str, rows: Sequence[Row]) -> Iterator[Image.Image]:
        for row in rows:
            with Image.open(self._path(row)) as file:
                image = ImageOps.exif_transpose(file).convert('RGB')
            for region in row['predictions']:
                yield _picture(kind, image, region)

    def _path(self, row: Row) -> Path:
        path = Path(row['file_name'])
        if self.image_root is not None:
            path = self.image_root / path
        if not path.is_file():
            raise FileNotFoundError(
                f'{path}: no such image, which CLIP-S and PAC-S look at; name the folder of the images by image_root.'
            )
        return path


def _picture(kind: str, image: Image.Image, region: PredictedRegion) -> Image.Image:
    if kind == 'image':
        return image
    if kind == 'crop':
        return through_jpeg(cut_out(image, region['bbox']))
    if kind == 'trace':
        return through_jpeg(with_trace(image, region['points']))
    return through_jpeg(
        with_boxes(image, region['bboxes'] if kind == 'region_set' else [region['bbox']])
    )
