"""Batching for a captioner: the detector's own preprocessing, and the stacked views of the neck."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.model import BaseDataPreprocessor
from torch import nn

from mmpatchioner.registry import MODELS


@MODELS.register_module()
class CaptionDataPreprocessor(BaseDataPreprocessor):
    """Leave the detector's inputs to the detector's preprocessor and stack ``patch_inputs``.

    Args:
        detector_preprocessor: The detector's module; None passes its inputs by.
        non_blocking: Whether to copy to the device without blocking.
    """

    def __init__(
        self, detector_preprocessor: nn.Module | None = None, non_blocking: bool = False
    ) -> None:
        super().__init__(non_blocking=non_blocking)
        self.detector_preprocessor = detector_preprocessor

    def forward(self, data: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """Preprocess a collated batch.

        Args:
            data: Lists ``inputs``, ``patch_inputs`` of (3, h, w) and ``data_samples``.
            training: Passed to the detector's preprocessor.

        Returns:
            ``inputs``, ``data_samples`` as the detector wants them and ``patch_inputs`` (B, 3, h, w).

        Raises:
            KeyError: if the pipeline gave no ``patch_inputs``.
        """
        if 'patch_inputs' not in data:
            raise KeyError(
                'The batch has no `patch_inputs`; add mmpatchioner.AddPatchView and mmpatchioner.PackCaptionInputs '
                'to the pipeline.'
            )
        batch = {k: data[k] for k in ('inputs', 'data_samples') if k in data}
        if self.detector_preprocessor is not None:
            batch = self.detector_preprocessor(batch, training)
        else:
            batch = self.cast_data(batch)
        views = data['patch_inputs']
        patch_inputs = views if isinstance(views, torch.Tensor) else torch.stack(list(views))
        for sample in batch['data_samples']:
            sample.set_metainfo({'patch_inputs_shape': tuple(patch_inputs.shape[-2:])})
        return {**batch, 'patch_inputs': self.cast_data(patch_inputs)}
