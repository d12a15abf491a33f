"""RegionCLIP as a neck: a CLIP ResNet that was trained on regions."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mmpatchioner.models.necks.clip_resnet import CLIPResNetNeck
from mmpatchioner.models.necks.inputs import is_official
from mmpatchioner.registry import MODELS


@MODELS.register_module()
class RegionCLIPNeck(CLIPResNetNeck):
    """RegionCLIP RN50 (arXiv 2112.09106): CLIP's ResNet with weights that know regions.

    Args:
        backbone: See :class:`CLIPResNetNeck`.
        compat: ``'official'`` draws the attention pool's positions anew for inputs of another grid than theirs, 7 x 7
            at 224 pixels, as the released code does by dropping them; None or ``'paper'`` resamples those that were
            learnt.
        seed: Of that draw.
        autocast: See :class:`CLIPResNetNeck`.
        init_cfg: ``dict(type='Pretrained', checkpoint=...)`` loads the file that
            tools/model_converters/regionclip_to_mmpatchioner.py wrote, all of it or none.

    Raises:
        ValueError: if an argument is of another form.
    """

    def __init__(
        self,
        backbone: dict[str, Any],
        compat: str | None = None,
        seed: int = 0,
        autocast: str | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(backbone, autocast, init_cfg)
        self.draws_positions = is_official(compat)
        self.seed = seed

    def _positions(self, grid: tuple[int, int]) -> Tensor:
        learnt = self.backbone.attnpool.positional_embedding
        side = round((len(learnt) - 1) ** 0.5)
        if not self.draws_positions or grid == (side, side):
            return super()._positions(grid)
        generator = torch.Generator().manual_seed(self.seed)
        dims = learnt.shape[1]
        drawn = torch.randn(1 + grid[0] * grid[1], dims, generator=generator) / dims**0.5
        return drawn.to(learnt)
