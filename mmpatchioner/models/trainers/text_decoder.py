"""Text-only training of the decoder: give back the caption whose embedding is the prefix."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.model import BaseModel
from torch import Tensor
from torch.nn import functional as F

from mmpatchioner.models.bridges import add_noise
from mmpatchioner.models.trainers.exports import ExportedWeights
from mmpatchioner.registry import MODELS


@MODELS.register_module()
class TextDecoderTrainer(BaseModel):
    """Trains a decoder on captions and their text embeddings (DeCap, arXiv 2303.03032; method of the paper, sec. 3).

    The input of the decoder is ``f / |f|``, then Gaussian noise and again unit length (CapDec), then, if asked for,
    the projection on a memory.

    Args:
        decoder: Config of the decoder.
        noise_std: Standard deviation of the noise per dimension: 0 in the published memory models, 0.08 in those
            without a memory.
        bridge: Config of a :class:`LeaveOneOutBridge`; None gives the embedding itself to the decoder.
        space: Name of the space of the embeddings, written into the exported weights.
        data_preprocessor: mmengine's data preprocessor.
        init_cfg: mmengine's initialisation config.

    Raises:
        ValueError: if ``noise_std`` is negative.
    """

    def __init__(
        self,
        decoder: dict[str, Any],
        noise_std: float = 0.0,
        bridge: dict[str, Any] | None = None,
        space: str = '',
        data_preprocessor: dict[str, Any] | None = None,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        if noise_std < 0:
            raise ValueError(f'noise_std: expected at least 0, got {noise_std}.')
        self.decoder = MODELS.build(decoder)
        self.bridge = None if bridge is None else MODELS.build(bridge)
        self.noise_std = noise_std
        self.space = space

    def forward(
        self, embeddings: Tensor, captions: list[str], mode: str = 'loss'
    ) -> dict[str, Tensor] | list[dict[str, Any]]:
        """Compute losses or validate, as mmengine's loops ask.

        Args:
            embeddings: (B, D) text embeddings of any length but zero.
            captions: The B captions.
            mode: ``'loss'``, or ``'predict'``, which reports the losses without noise.

        Returns:
            ``'loss'``: ``loss`` and ``accuracy``. ``'predict'``: one dict for the batch, with its size as
            ``num_samples``.

        Raises:
            ValueError: if the mode is another, or an embedding is zero or not finite.
        """
        if mode == 'loss':
            return self.decoder.loss(self.prefix(embeddings, self.noise_std), captions)
        if mode == 'predict':
            losses = self.decoder.loss(self.prefix(embeddings, 0.0), captions)
            return [
                {
                    **{name: float(value) for name, value in losses.items()},
                    'num_samples': len(captions),
                }
            ]
        raise ValueError(f"mode: expected 'loss' or 'predict', got {mode!r}.")

    def prefix(self, embeddings: Tensor, noise_std: float) -> Tensor:
        """The decoder's input (B, D) for text embeddings (B, D): unit rows, noise added, projected if so configured."""
        lengths = embeddings.float().norm(dim=-1, keepdim=True)
        if not (torch.isfinite(lengths) & (lengths > 0)).all():
            raise ValueError(
                'embeddings: expected finite vectors of positive length; a text was embedded as nothing.'
            )
        clean = embeddings.float() / lengths
        noisy = F.normalize(add_noise(clean, noise_std), dim=-1)
        return noisy if self.bridge is None else self.bridge(noisy, clean)

    def exports(self) -> list[ExportedWeights]:
        """The decoder, for ``init_cfg`` of the same decoder in a captioner."""
        tensors = {
            name: tensor.detach().cpu().clone()
            for name, tensor in self.decoder.state_dict().items()
        }
        metadata = {
            'format': 'mmpatchioner.decoder',
            'space': self.space,
            'noise_std': str(self.noise_std),
            'memory_projected': str(self.bridge is not None),
        }
        return [ExportedWeights('decoder', tensors, metadata)]
