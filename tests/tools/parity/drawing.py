"""Random numbers that take half the room in a file: fp32 tensors whose values are those of fp16."""

from __future__ import annotations

import torch
from torch import Tensor


class Draw:
    """Draws from one seed.

    Example:
        >>> numbers = Draw(0).normal(2, 3)
        >>> torch.equal(numbers, numbers.half().float())
        True
    """

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)

    def normal(self, *shape: int, scale: float = 1.0) -> Tensor:
        return rounded(scale * torch.randn(shape, generator=self.generator))

    def uniform(self, *shape: int) -> Tensor:
        return torch.rand(shape, generator=self.generator)

    def integers(self, high: int, *shape: int) -> Tensor:
        return torch.randint(high, shape, generator=self.generator)


def rounded(tensor: Tensor) -> Tensor:
    """The nearest numbers of fp16, as fp32."""
    return tensor.half().float()


def halved(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors for a file, in fp16 where that loses nothing."""
    exact = {
        name: t.is_floating_point() and torch.equal(t, rounded(t)) for name, t in tensors.items()
    }
    return {name: t.half() if exact[name] else t for name, t in tensors.items()}
