"""Prediction files of ours and of others, joined with annotations to rows that are scored."""

from mmpatchioner.evaluation.predictions.base import (
    PredictedCaption,
    PredictedImage,
    PredictionError,
    Predictions,
)
from mmpatchioner.evaluation.predictions.joining import join_rows
from mmpatchioner.evaluation.predictions.reading import PREDICTION_FORMATS, read_predictions

__all__ = [
    'PREDICTION_FORMATS',
    'PredictedCaption',
    'PredictedImage',
    'PredictionError',
    'Predictions',
    'join_rows',
    'read_predictions',
]
