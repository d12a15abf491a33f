"""Rows to score, made of a prediction file and an annotation file."""

from __future__ import annotations

from collections.abc import Sequence

from mmpatchioner.datasets.annotations import (
    AnnotatedImage,
    Annotations,
    CaptionedRegion,
    Task,
)
from mmpatchioner.evaluation.functional.rows import PredictedRegion, ReferenceRegion, Row
from mmpatchioner.evaluation.predictions.base import (
    PredictedCaption,
    PredictedImage,
    PredictionError,
    Predictions,
)
from mmpatchioner.evaluation.predictions.frames import check_frames
from mmpatchioner.evaluation.predictions.image_index import ImageIndex


def join_rows(
    task: Task,
    predictions: Predictions,
    annotations: Annotations,
    *,
    allow_missing: bool = False,
    check_boxes: bool = True,
) -> list[Row]:
    """Bring the captions of a model and those of people together, image by image.

    Images are found by their ids as text; file names, paths and leading zeros do not matter. Images of the annotations
    without a prediction stay for dense captioning, without captions: their regions count as not found.

    Args:
        task: What was captioned.
        predictions: Of the model.
        annotations: Of people; they decide the order of the rows.
        allow_missing: Leave out images without a prediction; for the task ``'dense'`` this makes no difference.
        check_boxes: Whether to refuse boxes that look like those of another format or frame.

    Raises:
        PredictionError: if a prediction belongs to no image, two belong to one, images have none, or the numbers of
            captions and of annotated regions differ where they belong together.
        BoxFormatError: if the boxes of the two files are not of one form.
    """
    found = _assign(predictions, annotations)
    missing = [image.image_id for image in annotations.images if image.image_id not in found]
    if missing and task != 'dense' and not allow_missing:
        raise PredictionError(
            f'{predictions.name}: expected predictions for all {len(annotations.images):,} images, got none for '
            f'{_some(missing)}; --allow-missing leaves these out.'
        )
    rows = []
    for image in annotations.images:
        predicted = found.get(image.image_id)
        if predicted is None and task != 'dense':
            continue
        row = _row(image, predicted or PredictedImage(image.image_id, ()), predictions)
        if task != 'dense' and len(row['predictions']) != len(row['ground_truth']):
            raise PredictionError(
                f'{predictions.name}, image {image.image_id}: expected {len(image.regions)} captions, one for each '
                f'annotated region in the order of the file, got {len(row["predictions"])}.'
            )
        rows.append(row)
    if task == 'dense' and check_boxes:
        check_frames(rows, predictions.name)
    return rows


def _assign(predictions: Predictions, annotations: Annotations) -> dict[str, PredictedImage]:
    """Predictions by the id that their image has in the annotations."""
    index = ImageIndex(annotations.images)
    found: dict[str, PredictedImage] = {}
    unknown = []
    for predicted in predictions.images:
        position = index.find(predicted.image_id)
        if position is None:
            unknown.append(predicted.image_id)
            continue
        image_id = annotations.images[position].image_id
        if image_id in found:
            raise PredictionError(
                f'{predictions.name}: {predicted.image_id!r} and {found[image_id].image_id!r} are both image '
                f'{image_id!r} of the annotations; drop one.'
            )
        found[image_id] = predicted
    if unknown:
        known = _some([image.image_id for image in annotations.images])
        raise PredictionError(
            f'{predictions.name}: expected images of the annotations, which are {known}, got {_some(unknown)} that are '
            'not; choose the annotations of the same images, or another split.'
        )
    return found


def _row(image: AnnotatedImage, predicted: PredictedImage, predictions: Predictions) -> Row:
    width, height = image.width or predicted.width, image.height or predicted.height
    scale = 1.0
    if predictions.longest_side is not None and predicted.captions:
        if width is None or height is None:
            raise PredictionError(
                f'{predictions.name}: its boxes belong to images whose longest side is {predictions.longest_side} '
                f'pixels, and the annotations do not tell the size of image {image.image_id}; choose annotations that '
                'do.'
            )
        scale = max(width, height) / predictions.longest_side
    truth = [_reference(region) for region in image.regions]
    predicted_regions = [_predicted(caption, scale) for caption in predicted.captions]
    if predictions.task != 'dense' and len(truth) == len(predicted_regions):
        predicted_regions = [
            _placed(region, reference)
            for region, reference in zip(predicted_regions, truth, strict=True)
        ]
    return {
        'image_id': image.image_id,
        'file_name': image.file_name,
        'height': height,
        'width': width,
        'predictions': predicted_regions,
        'ground_truth': truth,
    }


def _predicted(caption: PredictedCaption, scale: float) -> PredictedRegion:
    region: PredictedRegion = {'caption': caption.caption}
    if caption.score is not None:
        region['score'] = caption.score
    if caption.bbox is not None:
        region['bbox'] = [value * scale for value in caption.bbox]
    return region


def _placed(region: PredictedRegion, reference: ReferenceRegion) -> PredictedRegion:
    """A caption with the place of the annotated region that it belongs to."""
    placed: PredictedRegion = {**region}
    if 'bboxes' in reference:
        placed['bboxes'] = reference['bboxes']
    if 'points' in reference:
        placed['points'] = reference['points']
    return placed


def _reference(region: CaptionedRegion) -> ReferenceRegion:
    reference: ReferenceRegion = {'captions': list(region.captions)}
    if region.bbox is not None:
        reference['bbox'] = list(region.bbox)
    if region.bboxes is not None:
        reference['bboxes'] = [list(box) for box in region.bboxes]
    if region.points is not None:
        reference['points'] = [list(point) for point in region.points]
    return reference


def _some(image_ids: Sequence[str]) -> str:
    examples = ', '.join(image_ids[:3])
    return f'{len(image_ids):,} images (e.g. {examples})' if len(image_ids) > 3 else examples
