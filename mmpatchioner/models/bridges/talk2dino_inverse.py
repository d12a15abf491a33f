"""From the space of patches back to that of CLIP, for decoders that read CLIP's text vectors."""

from __future__ import annotations

import os
from typing import Any

import torch
from mmengine.model import BaseModule
from torch import Tensor
from torch.nn import functional as F

from mmpatchioner.checkpoints import CheckpointError
from mmpatchioner.checkpoints.conversion import check_names
from mmpatchioner.checkpoints.loading import load_state_dict
from mmpatchioner.checkpoints.talk2dino import talk2dino_space
from mmpatchioner.registry import MODELS

_LAYER = ('linear_layer.weight', 'linear_layer.bias')
_ZERO = 1e-10  # singular values up to here count as zero


@MODELS.register_module()
class Talk2DINOInverseBridge(BaseModule):
    """Undo a linear Talk2DINO projection, so that a decoder trained on CLIP text reads vectors of patches.

    ``t = (u - b) pinv(W)^T`` is the text vector of least length whose projection ``W t + b`` is nearest to ``u``. The
    projection must be the linear variant (arXiv 2411.19331): one with a hidden layer has no such inverse.

    Args:
        projection: File of the linear projection, published or converted.
        bridge: Config of a bridge in the space of patches that comes before, e.g. a :class:`MemoryBridge`; it shall not
            normalise, for ``b`` was learnt beside texts as they are.
        normalize: Scale to unit length, as the decoder saw in training. The released code does not.
        out_space: Name of the space of the text vectors.
        scale: Factor on the text vectors with which the projection was trained, see :class:`TextProjection`.

    Raises:
        CheckpointError: if the file cannot be read, is not a single linear layer, or is of another space than
            ``bridge``.
        ValueError: if ``scale`` is not positive, or ``bridge`` gives vectors of another width.
    """

    inverse: Tensor
    offset: Tensor

    def __init__(
        self,
        projection: str | os.PathLike[str],
        bridge: dict[str, Any] | None = None,
        normalize: bool = True,
        out_space: str | None = 'clip-vit-base-patch16',
        scale: float = 1.0,
    ) -> None:
        super().__init__()
        if scale <= 0:
            raise ValueError(f'bridge.scale: expected more than 0, got {scale}.')
        source = str(projection)
        state = load_state_dict(projection, strip_prefix='module.')
        check_names(state, _LAYER, source, 'the one layer of a linear Talk2DINO projection')
        weight, bias = (state[name].double() for name in _LAYER)
        if weight.ndim != 2 or bias.shape != weight.shape[:1] or not weight.isfinite().all():
            raise CheckpointError(
                f'{source}: expected finite {_LAYER[0]} (D, C) and {_LAYER[1]} (D,), got {tuple(weight.shape)} and '
                f'{tuple(bias.shape)}.'
            )
        pseudo_inverse = torch.linalg.pinv(weight, atol=_ZERO, rtol=0.0) / scale  # (C, D)
        self.register_buffer('inverse', pseudo_inverse.T.float().contiguous(), persistent=False)
        self.register_buffer('offset', bias.float(), persistent=False)
        self.bridge = MODELS.build(bridge) if bridge else None
        self.normalize = normalize
        self.space = talk2dino_space(projection)
        self.out_space = out_space
        self._check_bridge(source)

    @property
    def embed_dims(self) -> int:
        """Width of the vectors that it reads."""
        return self.inverse.shape[0]

    @property
    def out_dims(self) -> int:
        """Width of the vectors that it gives."""
        return self.inverse.shape[1]

    def forward(self, z: Tensor) -> Tensor:
        """Bridge region vectors (R, D) to text vectors (R, C) fp32."""
        patches = self.bridge(z) if self.bridge is not None else z.float()
        texts = (patches - self.offset) @ self.inverse
        return F.normalize(texts, dim=-1) if self.normalize else texts

    def _check_bridge(self, source: str) -> None:
        width = getattr(self.bridge, 'embed_dims', self.embed_dims)
        if width != self.embed_dims:
            raise ValueError(
                f'bridge.bridge: expected vectors of width {self.embed_dims}, that of {source}, got {width}.'
            )
        space = getattr(self.bridge, 'space', None)
        if None not in (space, self.space) and space != self.space:
            raise CheckpointError(
                f'bridge.bridge is of the space {space!r} and {source} of {self.space!r}; they do not belong together.'
            )
        self.space = self.space or space
