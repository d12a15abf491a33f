"""Text-only training of the decoder: give back the caption whose embedding is the prefix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.model import BaseModel
from torch import Tensor
from torch.nn import functional as F

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
            without a memory. A pair is a range, from which every caption draws its own.
        bridge: Config of a :class:`LeaveOneOutBridge`; None gives the embedding itself to the decoder.
        space: Name of the space of the embeddings, written into the exported weights.
        data_preprocessor: mmengine's data preprocessor.
        init_cfg: mmengine's initialisation config.

    Raises:
        ValueError: if ``noise_std`` is negative or no range.
    """

    def __init__(
        self,
        decoder: dict[str, Any],
        noise_std: float | Sequence[float] = 0.0,
        bridge: dict[str, Any] | None = None,
        space: str = '',
        data_preprocessor: dict[str, Any] | None = None,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        low, high = (noise_std, noise_std) if isinstance(noise_std, (int, float)) else noise_std
        if not 0 <= low <= high:
            raise ValueError(f'noise_std: expected 0 <= low <= high, got {noise_std}.')
        self.decoder = MODELS.build(decoder)
        self._tokenizer_file = decoder.get('tokenizer', {}).get('file')
        self.bridge = None if bridge is None else MODELS.build(bridge)
        self.noise_range = (low, high)
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
            return self.decoder.loss(self.prefix(embeddings, self.noise_range), captions)
        if mode == 'predict':
            losses = self.decoder.loss(self.prefix(embeddings, (0.0, 0.0)), captions)
            return [
                {
                    **{name: float(value) for name, value in losses.items()},
                    'num_samples': len(captions),
                }
            ]
        raise ValueError(f"mode: expected 'loss' or 'predict', got {mode!r}.")

    def prefix(self, embeddings: Tensor, noise_range: tuple[float, float]) -> Tensor:
        """The decoder's input (B, D) for text embeddings (B, D): unit rows, noise added, projected if so configured."""
        lengths = embeddings.float().norm(dim=-1, keepdim=True)
        if not (torch.isfinite(lengths) & (lengths > 0)).all():
            raise ValueError(
                'embeddings: expected finite vectors of positive length; a text was embedded as nothing.'
            )
        clean = embeddings.float() / lengths
        noisy = clean
        if noise_range[1] > 0:
            std = torch.empty_like(lengths).uniform_(*noise_range)
            noisy = F.normalize(clean + std * torch.randn_like(clean), dim=-1)
        return noisy if self.bridge is None else self.bridge(noisy, clean)

    def exports(self) -> list[ExportedWeights]:
        """The decoder, for ``init_cfg`` of the same decoder in a captioner."""
        weights = self.decoder.state_dict().items()
        tensors = {name: tensor.detach().cpu().clone() for name, tensor in weights}
        metadata = {
            'format': 'mmpatchioner.decoder',
            'space': self.space,
            'noise_std': str(self.noise_range),
            'memory_projected': str(self.bridge is not None),
        }
        companions = {'tokenizer.json': self._tokenizer_file} if self._tokenizer_file else {}
        return [ExportedWeights('decoder', tensors, metadata, companions)]
