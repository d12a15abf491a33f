"""Metrics of mmengine's loops."""

from mmpatchioner.evaluation.metrics.retrieval import ImageTextRetrieval
from mmpatchioner.evaluation.metrics.text_loss import LossMetric

__all__ = ['ImageTextRetrieval', 'LossMetric']
