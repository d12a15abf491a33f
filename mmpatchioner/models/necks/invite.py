"""INViTE: CLIP whose last layers let every token look at itself alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from mmpatchioner.models.necks.clip import CLIPNeck
from mmpatchioner.models.necks.inputs import is_official
from mmpatchioner.models.necks.patch_features import PatchFeatures
from mmpatchioner.registry import MODELS


@MODELS.register_module()
class INViTENeck(CLIPNeck):
    """CLIP ViT without attention between tokens in its last layers (arXiv 2310.10591).

    There a token's attention output is ``out_proj(v)`` of its own value; residuals and MLPs stay. A patch then keeps
    what it holds on its way into the space of the texts, which is MaskCLIP's idea (arXiv 2112.01071). As no query is
    asked in the last block, the neck offers no attention.

    Args:
        backbone: ``dict(pretrained=<hub id or local transformers folder>)``, or
            ``dict(config=dict(hidden_size=..., ...))`` for random weights of any size.
        num_layers: How many of the last layers; 0 is CLIP, 1 the published baseline.
        compat: ``'official'`` resamples positions by plain bicubic, as the released code does; None or ``'paper'``
            antialiased, as for CLIP itself, so that both baselines have the same positions.
        autocast: ``'bf16'`` or ``'fp16'`` runs the transformer (only) in that type.
        init_cfg: mmengine's initialisation config.

    Raises:
        ValueError: if an argument is of another form, or the backbone has fewer layers.
    """

    def __init__(
        self,
        backbone: dict[str, Any],
        num_layers: int = 1,
        compat: str | None = None,
        autocast: str | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        antialias = not is_official(compat)
        super().__init__(backbone, antialias, autocast, init_cfg)
        layers = self.backbone.vision_model.encoder.layers
        if not 0 <= num_layers <= len(layers):
            raise ValueError(
                f'neck.num_layers: expected 0 to {len(layers)}, the layers of the backbone, got {num_layers}.'
            )
        self.num_layers = num_layers
        for layer in layers[len(layers) - num_layers :]:
            layer.self_attn = OwnValue(layer.self_attn)

    def _features(self, embedded: Tensor, grid: tuple[int, int]) -> PatchFeatures:
        features = super()._features(embedded, grid)
        return replace(features, head_logits_fn=None) if self.num_layers else features


class OwnValue(nn.Module):
    """Attention of each token to itself alone, with the weights of an attention of transformers.

    Args:
        attention: The attention; its queries and keys are kept, so that names of weights stay, and not used.
    """

    def __init__(self, attention: Any) -> None:
        super().__init__()
        self.q_proj, self.k_proj = attention.q_proj, attention.k_proj
        self.v_proj, self.out_proj = attention.v_proj, attention.out_proj

    def forward(self, hidden_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, None]:
        """Map (B, T, C) to the same shape; what else a layer of transformers gives is for attention between tokens."""
        return self.out_proj(self.v_proj(hidden_states)), None
