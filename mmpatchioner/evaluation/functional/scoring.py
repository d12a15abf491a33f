"""The scores of a task from its rows; the metrics of the runner and ``tools/eval_captions.py`` both come here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from mmpatchioner.evaluation.functional.caption_scores import MeteorLike, caption_scores
from mmpatchioner.evaluation.functional.densecap_ap import dense_captioning_map
from mmpatchioner.evaluation.functional.densecap_matching import MatchedImage, Variant, match_image
from mmpatchioner.evaluation.functional.java import ExternalToolError
from mmpatchioner.evaluation.functional.rows import Row, check_rows

CAPTION_METRICS = ('bleu', 'rouge', 'cider', 'meteor')
_SAME_BOX = 1.0  # pixels


ClipScores = Callable[[str, Sequence[Row]], dict[str, float]]
"""Gives CLIP-S and its relatives for a task and its rows."""


@dataclass(frozen=True)
class ScoreSettings:
    """What is computed, and how.

    Args:
        variant: Of the dense-captioning mAP: ``'port'`` is what the paper used, ``'lua'`` Johnson et al.'s original.
        strict_npos: Count the annotated regions of images without a prediction, which the port leaves out.
        metrics: Caption metrics, some of ``'bleu', 'rouge', 'cider', 'meteor'``.
        meteor: Scorer; None leaves METEOR out, and with it the mAP, of which only the detection part is left.
        spice: Whether to compute SPICE.
        clip: Gives the metrics of CLIP; None leaves them out.
    """

    variant: Variant = 'port'
    strict_npos: bool = True
    metrics: tuple[str, ...] = CAPTION_METRICS
    meteor: MeteorLike | None = None
    spice: bool = False
    clip: ClipScores | None = None


@dataclass
class ScoreReport:
    """Scores of a task.

    Attributes:
        task: The task.
        protocol: ``'given'`` if the annotated regions were captioned, ``'found'`` if regions were found.
        scores: Fractions by name, e.g. ``map``, ``CIDEr``.
        details: What is behind them: the cells of the mAP, numbers of images and regions.
        skipped: Metrics that could not be computed, with the reason in one line.
        cells: Average precisions by IoU and METEOR threshold, which ``details`` has under the originals' names.
    """

    task: str
    protocol: Literal['given', 'found']
    scores: dict[str, float] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    cells: dict[str, dict[str, float]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it; scores and details are on one level."""
        return {
            'task': self.task,
            'protocol': self.protocol,
            **self.scores,
            **self.details,
            'skipped': self.skipped,
        }


def score_rows(
    task: str, rows: Sequence[Row], settings: ScoreSettings | None = None
) -> ScoreReport:
    """Score the captions of a task.

    Dense captioning has the mAP; where the annotated boxes themselves were captioned, also the caption metrics, each
    region being one document with its references, and METEOR on the raw texts, as in the paper's supplement. The other
    tasks have the caption metrics on tokenized texts.

    Args:
        task: ``'dense'``, ``'region_set'``, ``'trace'`` or ``'image'``.
        rows: Of all images, in the order of the annotation file, which decides between equal scores.
        settings: What is computed.

    Raises:
        RowError: if a row can not be scored.
    """
    settings = settings or ScoreSettings()
    check_rows(task, rows)
    given = task != 'dense' or _are_given(rows)
    report = ScoreReport(task, 'given' if given else 'found')
    report.details['num_images'] = len(rows)
    report.details['num_predictions'] = sum(len(row['predictions']) for row in rows)
    report.details['num_regions'] = sum(len(row['ground_truth']) for row in rows)
    if task == 'dense':
        _score_boxes(rows, settings, report)
    if given:
        _score_captions(rows, settings, report)
    if settings.clip is not None and given:
        report.scores.update(settings.clip(task, rows))
    return report


def match_row(row: Row, variant: Variant = 'port') -> MatchedImage:
    """Match the predicted boxes of an image with the annotated ones; see :func:`match_image`."""
    predictions, truth = row['predictions'], row['ground_truth']
    # A region with several references is as many annotations of the same box, which merging joins again.
    annotations = [(region['bbox'], text) for region in truth for text in region['captions']]
    return match_image(
        _boxes([region['bbox'] for region in predictions]),
        np.array([region['score'] for region in predictions], dtype=np.float64),
        [region['caption'] for region in predictions],
        _boxes([box for box, _ in annotations]),
        [text for _, text in annotations],
        variant=variant,
    )


def _score_boxes(rows: Sequence[Row], settings: ScoreSettings, report: ScoreReport) -> None:
    matched = [match_row(row, settings.variant) for row in rows]
    scorer = settings.meteor
    try:
        result = dense_captioning_map(
            matched,
            None if scorer is None else scorer.score,
            variant=settings.variant,
            strict_npos=settings.strict_npos,
        )
    except ExternalToolError as error:
        report.skipped['map'] = str(error)
        result = dense_captioning_map(
            matched, None, variant=settings.variant, strict_npos=settings.strict_npos
        )
    report.cells = result.table()
    content = result.to_dict()
    for name in ('map', 'detmap'):
        value = content.pop(name, None)
        if value is not None:
            report.scores[name] = value
    report.details.update(content)
    report.details['variant'] = settings.variant


def _score_captions(rows: Sequence[Row], settings: ScoreSettings, report: ScoreReport) -> None:
    pairs = [
        (predicted['caption'], region['captions'])
        for row in rows
        for predicted, region in zip(row['predictions'], row['ground_truth'], strict=True)
    ]
    with_meteor = 'meteor' in settings.metrics and settings.meteor is not None
    wanted = [name for name in settings.metrics if name != 'meteor']
    if with_meteor and report.task != 'dense':
        wanted.append('meteor')
    result = caption_scores(
        [candidate for candidate, _ in pairs],
        [references for _, references in pairs],
        metrics=[*wanted, *(['spice'] if settings.spice else [])],
        meteor=settings.meteor,
        raw_meteor=with_meteor and report.task == 'dense',
    )
    report.scores.update(result.scores)
    report.skipped.update(result.skipped)
    report.details['tokenizer'] = result.tokenizer


def _are_given(rows: Sequence[Row]) -> bool:
    """Whether the predictions are captions of the annotated boxes, one for each, in their order."""
    for row in rows:
        predictions, truth = row['predictions'], row['ground_truth']
        if len(predictions) != len(truth):
            return False
        ours = _inside([region['bbox'] for region in predictions], row)
        theirs = _inside([region['bbox'] for region in truth], row)
        if not (np.abs(ours - theirs) <= _SAME_BOX).all():
            return False
    return True


def _inside(boxes: Sequence[Sequence[float]], row: Row) -> np.ndarray:
    """Boxes cut at the border of the image, if its size is known: captioners do so with those that reach over."""
    array = _boxes(boxes)
    height, width = row.get('height'), row.get('width')
    if height is None or width is None:
        return array
    return array.clip(0, [width, height, width, height])


def _boxes(boxes: Sequence[Sequence[float]]) -> np.ndarray:
    return np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
