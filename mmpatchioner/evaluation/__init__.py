"""Evaluation."""

from mmpatchioner.evaluation import metrics

__all__ = ['metrics']
