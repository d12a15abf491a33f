"""Text-only training of the decoder: give back the caption whose embedding is the prefix."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.model import BaseModel
from torch import Tensor, nn

from mmpatchioner.models.bridges.noise import TextNoise
from mmpatchioner.models.trainers.exports import ExportedWeights
from mmpatchioner.registry import MODELS

_EVERY_KIND = 'text'


@MODELS.register_module()
class TextDecoderTrainer(BaseModel):
    """Trains a decoder on captions and their text embeddings (DeCap, arXiv 2303.03032; method of the paper, sec. 3).

    The input of the decoder is ``f / |f|``, then noise and again unit length (CapDec), then, if asked for, the
    projection on a memory.

    Args:
        decoder: Config of the decoder.
        noise: Config of the noise, e.g. ``dict(type='mmpatchioner.GaussianNoise', std=0.08)``, which is published for
            the models without a memory; None adds none, as published for those with one.
        bridge: Config of a :class:`LeaveOneOutBridge`, or one for every kind of text, e.g. ``dict(caption=dict(...),
            phrase=dict(...))``, where images and regions have a memory of their own; None gives the embedding itself
            to the decoder.
        bridge_share: Share of the texts that go over the bridge; the others are given as they are.
        normalize: Bring the embeddings to unit length; False leaves them as they are, for decoders that read lengths.
        autocast: Run the decoder in bf16, logits and loss apart.
        space: Name of the space of the embeddings, written into the exported weights.
        data_preprocessor: mmengine's data preprocessor.
        init_cfg: mmengine's initialisation config.

    Raises:
        ValueError: if an argument is out of range, the statistics of the noise are of another space, or embeddings that
            keep their lengths shall get noise or cross a bridge.
    """

    def __init__(
        self,
        decoder: dict[str, Any],
        noise: dict[str, Any] | None = None,
        bridge: dict[str, Any] | None = None,
        bridge_share: float = 1.0,
        normalize: bool = True,
        autocast: bool = False,
        space: str = '',
        data_preprocessor: dict[str, Any] | None = None,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        if not normalize and (noise or bridge):
            raise ValueError(
                'normalize: expected True with noise or a bridge, which give unit vectors, got False.'
            )
        if not 0 <= bridge_share <= 1:
            raise ValueError(f'bridge_share: expected a share in [0, 1], got {bridge_share}.')
        self.decoder = MODELS.build(decoder)
        self._tokenizer_file = decoder.get('tokenizer', {}).get('file')
        by_kind = {_EVERY_KIND: bridge} if bridge and 'type' in bridge else dict(bridge or {})
        self.bridges = nn.ModuleDict({kind: MODELS.build(cfg) for kind, cfg in by_kind.items()})
        self.bridge_share = bridge_share
        self.autocast = autocast
        self.normalize = normalize
        self.noise: TextNoise | None = MODELS.build(noise) if noise else None
        if self.noise is not None and space and self.noise.space not in ('', space):
            raise ValueError(
                f'noise: expected statistics of the space of the embeddings, {space!r}, got {self.noise.space!r}.'
            )
        self.space = space

    def forward(
        self,
        embeddings: Tensor,
        captions: list[str],
        kinds: list[str] | None = None,
        mode: str = 'loss',
    ) -> dict[str, Tensor] | list[dict[str, Any]]:
        """Compute losses or validate, as mmengine's loops ask.

        Args:
            embeddings: (B, D) text embeddings of any length but zero.
            captions: The B captions.
            kinds: The kind of each, needed where every kind has a bridge of its own.
            mode: ``'loss'``, or ``'predict'``, which reports the losses without noise.

        Returns:
            ``'loss'``: ``loss`` and ``accuracy``. ``'predict'``: one dict for the batch, with its size as
            ``num_samples``.

        Raises:
            ValueError: if the mode is another, or an embedding is zero or not finite.
        """
        if mode not in ('loss', 'predict'):
            raise ValueError(f"mode: expected 'loss' or 'predict', got {mode!r}.")
        prefix = self.prefix(embeddings, mode == 'loss', kinds)
        with torch.autocast(prefix.device.type, torch.bfloat16, enabled=self.autocast):
            losses = self.decoder.loss(prefix, captions)
        if mode == 'loss':
            return losses
        values = {name: value.item() for name, value in losses.items()}
        return [{**values, 'num_samples': len(captions)}]

    def prefix(self, embeddings: Tensor, noisy: bool, kinds: list[str] | None = None) -> Tensor:
        """The decoder's input (B, D) for embeddings (B, D): unit rows, noise added, projected, as configured."""
        lengths = embeddings.float().norm(dim=-1, keepdim=True)
        if not (torch.isfinite(lengths) & (lengths > 0)).all():
            raise ValueError(
                'embeddings: expected finite vectors of positive length; a text was embedded as nothing.'
            )
        if not self.normalize:
            return embeddings.float()
        clean = embeddings.float() / lengths
        moved = self.noise(clean) if noisy and self.noise is not None else clean
        if not self.bridges:
            return moved
        crossing = torch.rand(len(moved), device=moved.device) < self.bridge_share
        return torch.where(crossing[:, None], self._project(moved, clean, kinds), moved)

    def _project(self, noisy: Tensor, clean: Tensor, kinds: list[str] | None) -> Tensor:
        if _EVERY_KIND in self.bridges:
            return self.bridges[_EVERY_KIND](noisy, clean)
        unknown = set(kinds or ['none']) - set(self.bridges)
        if unknown:
            raise ValueError(
                f'kinds: expected those that model.bridge names, {sorted(self.bridges)}, got {sorted(unknown)}.'
            )
        projected = noisy.clone()
        for kind, bridge in self.bridges.items():
            rows = torch.tensor([k == kind for k in kinds or ()], device=noisy.device)
            if rows.any():
                projected[rows] = bridge(noisy[rows], clean[rows])
        return projected

    def exports(self) -> list[ExportedWeights]:
        """The decoder, for ``init_cfg`` of the same decoder in a captioner."""
        weights = self.decoder.state_dict().items()
        tensors = {name: tensor.detach().cpu().clone() for name, tensor in weights}
        metadata = {
            'format': 'mmpatchioner.decoder',
            'space': self.space,
            'noise': str(self.noise),
            'memory_projected': str(len(self.bridges) > 0),
        }
        companions = {'tokenizer.json': self._tokenizer_file} if self._tokenizer_file else {}
        return [ExportedWeights('decoder', tensors, metadata, companions)]
