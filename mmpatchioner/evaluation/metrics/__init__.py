"""Metrics of mmengine's loops."""

from mmpatchioner.evaluation.metrics.captioning import (
    CaptionMetric,
    DenseCaptionMetric,
    ImageCaptionMetric,
    RegionSetCaptionMetric,
    TraceCaptionMetric,
)
from mmpatchioner.evaluation.metrics.retrieval import ImageTextRetrieval
from mmpatchioner.evaluation.metrics.text_loss import LossMetric

__all__ = [
    'CaptionMetric',
    'DenseCaptionMetric',
    'ImageCaptionMetric',
    'ImageTextRetrieval',
    'LossMetric',
    'RegionSetCaptionMetric',
    'TraceCaptionMetric',
]
