"""The captioning tasks as metrics of mmengine's loops."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from mmengine.dist import get_rank, get_world_size, is_main_process
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger

from mmpatchioner.evaluation.functional.caption_scores import MeteorLike
from mmpatchioner.evaluation.functional.java import ExternalToolError
from mmpatchioner.evaluation.functional.meteor import Meteor
from mmpatchioner.evaluation.functional.rows import (
    GEOMETRY,
    PredictedRegion,
    ReferenceRegion,
    Row,
    RowError,
)
from mmpatchioner.evaluation.functional.scoring import (
    CAPTION_METRICS,
    ClipScores,
    ScoreReport,
    ScoreSettings,
    match_row,
    score_rows,
)
from mmpatchioner.evaluation.row_file import RowFile
from mmpatchioner.registry import METRICS


class CaptionMetric(BaseMetric):
    """What the tasks share: rows of the images, their file, and the scores of all.

    Args:
        metrics: Caption metrics, some of ``'bleu', 'rouge', 'cider', 'meteor'``.
        meteor: True starts METEOR's Java program, False leaves METEOR out; or arguments of :class:`Meteor`, or a
            scorer.
        spice: Whether to compute SPICE, which needs more than Java (:mod:`mmpatchioner.evaluation.functional.spice`).
        clip: Config of :class:`mmpatchioner.evaluation.ClipRows`, or such an object; None leaves CLIP-S, PAC-S and
            RefPAC-S out.
        out_file: File of the rows, JSON lines, written batch by batch; None writes none.
        resume: Go on with the rows of an evaluation that was stopped.
        fingerprint: Stands for config, weights and data, so that rows of others are refused.
        batch_size: Images of a batch of the data loader.
        **kwargs: See ``mmengine.evaluator.BaseMetric``.

    Raises:
        RowFileError: if ``out_file`` has rows of another evaluation, or rows and ``resume`` is False.
    """

    task: ClassVar[str]

    def __init__(
        self,
        metrics: Sequence[str] = CAPTION_METRICS,
        meteor: bool | dict[str, Any] | MeteorLike = True,
        spice: bool = False,
        clip: dict[str, Any] | ClipScores | None = None,
        out_file: str | None = None,
        resume: bool = False,
        fingerprint: str = '',
        batch_size: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.metrics = tuple(metrics)
        self.meteor = _meteor(meteor)
        self.spice = spice
        self.clip = _clip(clip)
        self.report: ScoreReport | None = None
        """Scores with what is behind them, after an evaluation; on the main process only."""
        self.file: RowFile | None = None
        if out_file is not None:
            self.file = RowFile(
                out_file, self.task, fingerprint, batch_size, resume, get_rank(), get_world_size()
            )
            self.results.extend(self.file.rows)

    @property
    def settings(self) -> ScoreSettings:
        """What is computed, and how."""
        return ScoreSettings(
            metrics=self.metrics, meteor=self.meteor, spice=self.spice, clip=self.clip
        )

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Keep the captions of a batch, and write them to the file.

        Args:
            data_batch: Not used.
            data_samples: With ``pred_instances`` of a captioner and, from the dataset, ``img_id`` and ``gt_regions``.
        """
        rows = [self.row(sample) for sample in data_samples]
        if self.file is not None:
            self.file.append(rows)
        self.results.extend(rows)
        self._look_ahead(rows)

    def row(self, sample: dict[str, Any]) -> Row:
        """What is scored of a data sample.

        Raises:
            RowError: if the sample has no annotations or a score is not finite.
        """
        if 'gt_regions' not in sample:
            raise RowError(
                f'{sample.get("img_path", "an image")}: expected `gt_regions`, the annotated regions; use one of the '
                'caption datasets (docs/datasets.md) and PackCaptionInputs.'
            )
        height, width = sample['ori_shape'][:2]
        truth = sample['gt_regions']
        return {
            'image_id': str(sample['img_id']),
            'file_name': str(sample['img_path']),
            'height': int(height),
            'width': int(width),
            'predictions': self._predictions(sample, truth),
            'ground_truth': [ReferenceRegion(**region) for region in truth],
        }

    def _predictions(self, sample: dict[str, Any], truth: Sequence[Any]) -> list[PredictedRegion]:
        instances = sample['pred_instances']
        scores = instances['ranking_scores'].tolist()
        field = GEOMETRY[self.task]
        if len(scores) != len(truth):
            raise RowError(
                f'{sample["img_path"]}: expected {len(truth)} captions, one for each annotated region, got '
                f'{len(scores)}; put LoadCaptionRegions into the pipeline, which asks the captioner for them.'
            )
        predictions: list[PredictedRegion] = []
        for caption, score, region in zip(instances['captions'], scores, truth, strict=True):
            entry: PredictedRegion = {'caption': caption, 'score': score}
            if field is not None:
                entry[field] = region[field]  # type: ignore[literal-required]
            predictions.append(entry)
        return predictions

    def _look_ahead(self, rows: Sequence[Row]) -> None:
        """Begin what can be computed while the captioner goes on."""

    def compute_metrics(self, results: list[Row]) -> dict[str, float]:
        """Put the file of the rows in its place and score them."""
        if self.file is not None:
            self.file.finish(results)
        try:
            self.report = score_rows(self.task, results, self.settings)
        finally:
            if isinstance(self.meteor, Meteor):
                self.meteor.close()
        for name, reason in self.report.skipped.items():
            MMLogger.get_current_instance().warning('%s was not computed: %s', name, reason)
        return dict(self.report.scores)


@METRICS.register_module()
class DenseCaptionMetric(CaptionMetric):
    """Dense-captioning mAP (Johnson et al.), and the caption metrics where annotated boxes were captioned.

    METEOR of the pairs that can count is computed while the captioner goes on.

    Args:
        variant: ``'port'``, which the paper used, or ``'lua'``, the original.
        strict_npos: Count the annotated regions of images without a prediction, which the port leaves out.
        **kwargs: See :class:`CaptionMetric`.
    """

    task = 'dense'
    default_prefix = 'dense'

    def __init__(
        self, variant: Literal['port', 'lua'] = 'port', strict_npos: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.variant = variant
        self.strict_npos = strict_npos

    @property
    def settings(self) -> ScoreSettings:
        """What is computed, and how."""
        return ScoreSettings(
            variant=self.variant,
            strict_npos=self.strict_npos,
            metrics=self.metrics,
            meteor=self.meteor,
            spice=self.spice,
            clip=self.clip,
        )

    def _predictions(self, sample: dict[str, Any], truth: Sequence[Any]) -> list[PredictedRegion]:
        instances = sample['pred_instances']
        scores = instances['ranking_scores'].tolist()
        if not all(map(math.isfinite, scores)):
            raise RowError(
                f'{sample["img_path"]}: expected finite ranking scores; given regions have no detection score, rank '
                "them with caption_head.score_mode='caption'."
            )
        boxes = instances['bboxes'].tolist()
        return [
            {'caption': caption, 'score': score, 'bbox': box}
            for caption, score, box in zip(instances['captions'], scores, boxes, strict=True)
        ]

    def _look_ahead(self, rows: Sequence[Row]) -> None:
        # All processes' pairs are scored by the main one, in the end; it begins with its own.
        if not isinstance(self.meteor, Meteor) or not is_main_process():
            return
        pairs = [pair for row in rows for pair in match_row(row, self.variant).meteor_pairs()]
        try:
            self.meteor.submit(pairs)
        except ExternalToolError:
            # Said once, in the end, beside the scores that could be computed.
            return


@METRICS.register_module()
class RegionSetCaptionMetric(CaptionMetric):
    """Caption metrics of sets of boxes (Cornia et al.'s protocol); every set is one document."""

    task = 'region_set'
    default_prefix = 'region_set'


@METRICS.register_module()
class TraceCaptionMetric(CaptionMetric):
    """Caption metrics of mouse traces; every trace is one document (paper, section 4.1)."""

    task = 'trace'
    default_prefix = 'trace'


@METRICS.register_module()
class ImageCaptionMetric(CaptionMetric):
    """Caption metrics of whole images."""

    task = 'image'
    default_prefix = 'image'


def _meteor(meteor: bool | dict[str, Any] | MeteorLike) -> MeteorLike | None:
    if isinstance(meteor, bool):
        return Meteor() if meteor else None
    return Meteor(**meteor) if isinstance(meteor, dict) else meteor


def _clip(clip: dict[str, Any] | ClipScores | None) -> ClipScores | None:
    if not isinstance(clip, dict):
        return clip
    from mmpatchioner.evaluation.clip_rows import ClipRows  # loads transformers

    return ClipRows(**clip)
