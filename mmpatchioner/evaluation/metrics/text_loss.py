"""Loss on held-out data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmengine.evaluator import BaseMetric

from mmpatchioner.registry import METRICS


@METRICS.register_module()
class LossMetric(BaseMetric):
    """Mean of the losses that a trainer reports in validation, weighted by the size of the batches."""

    default_prefix = 'val'

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Keep the losses of a batch: dicts of numbers with ``num_samples``."""
        self.results.extend(data_samples)

    def compute_metrics(self, results: list[dict[str, Any]]) -> dict[str, float]:
        """Average over all batches."""
        total = sum(batch['num_samples'] for batch in results)
        names = [name for name in results[0] if name != 'num_samples']
        return {
            name: sum(batch[name] * batch['num_samples'] for batch in results) / total
            for name in names
        }
