"""Orders of a dataset in training."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sized
from typing import Protocol

import torch
from mmengine.dist import get_dist_info
from torch.utils.data import Sampler

from mmpatchioner.registry import DATA_SAMPLERS


class _Texts(Sized, Protocol):
    texts: list[str]


@DATA_SAMPLERS.register_module()
class LengthGroupedSampler(Sampler[int]):
    """Endless random order in which texts of similar length are neighbours, so that batches are hardly padded.

    Every round is a random order of the dataset, cut into pools; a pool is sorted by length and cut into batches,
    whose order is random again. In a distributed run every process takes its share of each batch. The numbers of an
    interrupted run are those of one that was not: they follow from the seed alone.

    Args:
        dataset: A dataset with ``texts``.
        batch_size: That of the dataloader, per process.
        pool_batches: Batches in a pool; more group better, fewer mix better.
        seed: Of the order, the same in every process; None is 0.

    Raises:
        ValueError: if the dataset has not one batch of texts.
    """

    def __init__(
        self, dataset: _Texts, batch_size: int, pool_batches: int = 64, seed: int | None = None
    ) -> None:
        self.rank, self.world_size = get_dist_info()
        self.lengths = torch.tensor([len(text) for text in dataset.texts])
        self.batch_size = batch_size
        self.pool_size = pool_batches * batch_size * self.world_size
        self.seed = seed or 0
        if len(self.lengths) < batch_size * self.world_size:
            raise ValueError(
                f'sampler.batch_size: expected at most {len(self.lengths) // self.world_size}, the texts of a process, '
                f'got {batch_size}.'
            )

    def __iter__(self) -> Iterator[int]:
        """Indices of this process, without end."""
        for turn in itertools.count():
            yield from self._round(torch.Generator().manual_seed(self.seed + turn))

    def __len__(self) -> int:
        """Length of the dataset, as of mmengine's endless samplers."""
        return len(self.lengths)

    def _round(self, generator: torch.Generator) -> Iterator[int]:
        order = torch.randperm(len(self.lengths), generator=generator)
        step = self.batch_size * self.world_size
        for pool in order.split(self.pool_size):
            by_length = pool[self.lengths[pool].argsort(stable=True)]
            # A short last batch would shift all that follow: it waits for the next round.
            batches = by_length[: len(pool) // step * step].view(-1, step)
            for row in torch.randperm(len(batches), generator=generator).tolist():
                yield from batches[row, self.rank :: self.world_size].tolist()
