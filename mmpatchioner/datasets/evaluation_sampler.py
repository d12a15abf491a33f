"""The sampler of an evaluation that goes on where it was stopped."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sized

from mmengine.dist import get_dist_info
from torch.utils.data import Sampler

from mmpatchioner.registry import DATA_SAMPLERS


@DATA_SAMPLERS.register_module()
class EvaluationSampler(Sampler[int]):
    """Images in order, shared out to the processes as ``DefaultSampler(shuffle=False)`` does, without the first ones.

    Args:
        dataset: The dataset.
        skip: Images of this process that are done already.
        seed: Not used; data loaders pass it.

    Example:
        >>> list(EvaluationSampler(range(4), skip=1))
        [1, 2, 3]
    """

    def __init__(self, dataset: Sized, skip: int = 0, seed: int | None = None) -> None:
        rank, world_size = get_dist_info()
        total = math.ceil(len(dataset) / world_size) * world_size
        own = [index % len(dataset) for index in range(rank, total, world_size)]
        self.indices = own[skip:]

    def __iter__(self) -> Iterator[int]:
        """Indices of the images."""
        return iter(self.indices)

    def __len__(self) -> int:
        return len(self.indices)
