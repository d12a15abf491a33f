"""The bridge of models without a memory."""

from __future__ import annotations

from mmengine.model import BaseModule
from torch import Tensor
from torch.nn import functional as F

from mmpatchioner.registry import MODELS


@MODELS.register_module()
class IdentityBridge(BaseModule):
    """Hand region vectors to the decoder as they are, for decoders trained with noise (arXiv 2211.00575, 2211.09778).

    Args:
        normalize: Scale to unit length, as the decoder saw in training. The released code does not.
    """

    def __init__(self, normalize: bool = True) -> None:
        super().__init__()
        self.normalize = normalize

    def forward(self, z: Tensor) -> Tensor:
        """Bridge region vectors (R, D) to (R, D) fp32; a vector of zeros stays one."""
        return F.normalize(z.float(), dim=-1) if self.normalize else z.float()
