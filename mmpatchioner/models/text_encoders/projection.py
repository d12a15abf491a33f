"""Projections of text vectors into the space of image patches."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from torch import Tensor, nn

from mmpatchioner.checkpoints import CheckpointError, PretrainedModule
from mmpatchioner.checkpoints.talk2dino import talk2dino_space
from mmpatchioner.models.text_encoders.base import TextEncoder
from mmpatchioner.registry import MODELS

_ACTIVATIONS: dict[str, type[nn.Module]] = {
    'tanh': nn.Tanh,
    'relu': nn.ReLU,
    'gelu': nn.GELU,
    'sigmoid': nn.Sigmoid,
    'none': nn.Identity,
}


@MODELS.register_module()
class TextProjection(PretrainedModule):
    """The text side of an alignment: linear, or linear layers with an activation between (Talk2DINO, arXiv 2411.19331).

    ``y = W2 act(W1 t + b1) + b2``. Nothing is normalised inside and no activation follows the last layer. The names of
    the parameters are those of the published Talk2DINO weights.

    Args:
        in_dims: Width of the text vectors.
        hidden_dims: Width of the hidden layer, or of several; None is a single linear map.
        out_dims: Width of the patch features.
        activation: ``'tanh'``, ``'relu'``, ``'gelu'``, ``'sigmoid'`` or ``'none'``.
        scale: Factor on the input. Unit vectors of D dimensions have entries of 1/sqrt(D), which leave tanh linear.
        init_cfg: ``dict(type='Pretrained', checkpoint=...)`` loads weights, all of them or none.

    Raises:
        ValueError: if ``activation`` is unknown.

    Example:
        >>> import torch
        >>> projection = TextProjection(in_dims=4, hidden_dims=6, out_dims=6)
        >>> tuple(projection(torch.zeros(2, 4)).shape)
        (2, 6)
        >>> sorted(projection.state_dict())[:2]
        ['hidden_layers.0.bias', 'hidden_layers.0.weight']
    """

    def __init__(
        self,
        in_dims: int,
        hidden_dims: int | Sequence[int] | None = None,
        out_dims: int = 768,
        activation: str = 'tanh',
        scale: float = 1.0,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if activation not in _ACTIVATIONS:
            raise ValueError(
                f'activation: expected one of {sorted(_ACTIVATIONS)}, got {activation!r}.'
            )
        hidden = [hidden_dims] if isinstance(hidden_dims, int) else list(hidden_dims or [])
        widths = [in_dims, *hidden, out_dims]
        self.in_dims = in_dims
        self.out_dims = out_dims
        self.scale = scale
        self.linear_layer = nn.Linear(widths[0], widths[1])
        self.hidden_layers = nn.ModuleList(
            nn.Linear(before, after) for before, after in pairwise(widths[1:])
        )
        self.activation = _ACTIVATIONS[activation]()

    def init_weights(self) -> None:
        """Load the weights of ``init_cfg``; ``space`` is then that of the file, if it tells or is recognised.

        Raises:
            CheckpointError: if the file cannot be read or does not fit.
        """
        super().init_weights()
        if isinstance(self.init_cfg, dict) and 'checkpoint' in self.init_cfg:
            self.space = talk2dino_space(self.init_cfg['checkpoint'])

    def forward(self, texts: Tensor) -> Tensor:
        """Project text vectors (..., in_dims) to (..., out_dims)."""
        projected = self.linear_layer(texts * self.scale)
        for layer in self.hidden_layers:
            projected = layer(self.activation(projected))
        return projected


@MODELS.register_module()
class ProjectedTextEncoder(TextEncoder):
    """A text encoder followed by a projection.

    Args:
        encoder: Config of the text encoder.
        projection: Config of the projection, usually a :class:`TextProjection` with ``init_cfg``.
        space: Name of the projected space; weights that are known to be of another are refused.

    Raises:
        ValueError: if the projection takes vectors of another width than the encoder gives.
    """

    def __init__(self, encoder: dict, projection: dict, space: str) -> None:
        super().__init__()
        self.encoder: TextEncoder = MODELS.build(encoder)
        self.projection: TextProjection = MODELS.build(projection)
        if self.projection.in_dims != self.encoder.embed_dims:
            raise ValueError(
                f'projection.in_dims: expected {self.encoder.embed_dims}, the width of '
                f'{type(self.encoder).__name__}, got {self.projection.in_dims}.'
            )
        self.embed_dims = self.projection.out_dims
        self.space = space

    def init_weights(self) -> None:
        """Load the weights of both parts.

        Raises:
            CheckpointError: if a file does not fit, or the projection's is of another space.
        """
        super().init_weights()
        found = getattr(self.projection, 'space', None)
        if found not in (None, self.space):
            raise CheckpointError(
                f'encoder.projection: the file of its weights is of the space {found!r}, expected {self.space!r}. '
                'Vectors of one do not belong to memories and decoders of the other: name the file that belongs to '
                'this config, or the space of this file in the encoder, the trainer and every converter.'
            )

    def settings(self) -> dict[str, object]:
        """See :meth:`TextEncoder.settings`."""
        activation = type(self.projection.activation).__name__
        return {**self.encoder.settings(), 'projection': (activation, self.projection.scale)}

    def encode_batch(self, texts: list[str]) -> Tensor:
        """Encode one batch of sentences to (n, D) fp32."""
        return self.projection(self.encoder.encode_batch(texts))
