import itertools
from types import SimpleNamespace
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpatchioner.datasets import samplers
from mmpatchioner.datasets.samplers import LengthGroupedSampler


def dataset(number: int) -> SimpleNamespace:
    return SimpleNamespace(texts=['x' * (1 + (7 * i) % 23) for i in range(number)])


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 8), st.integers(1, 10), st.integers(0, 5))
def test_a_round_gives_every_text_once_in_batches_of_similar_length(batch_size, batches, seed):
    data = dataset(batch_size * batches)
    sampler = LengthGroupedSampler(data, batch_size, pool_batches=1000, seed=seed)
    order = list(itertools.islice(sampler, len(data.texts)))
    assert sorted(order) == list(range(len(data.texts)))
    spans = [
        sorted(len(data.texts[i]) for i in order[start : start + batch_size])
        for start in range(0, len(order), batch_size)
    ]
    # Sorted into batches, the ranges of lengths do not interleave.
    spans.sort(key=lambda span: (span[0], span[-1]))
    assert all(left[-1] <= right[0] for left, right in itertools.pairwise(spans))


def test_rounds_differ_and_follow_from_the_seed():
    data = dataset(64)

    def orders(seed):
        stream = iter(LengthGroupedSampler(data, 4, pool_batches=4, seed=seed))
        return [list(itertools.islice(stream, 64)) for _ in range(2)]

    assert orders(3) == orders(3)
    assert orders(3) != orders(4)
    assert orders(3)[0] != orders(3)[1]


def test_processes_share_every_batch():
    data, parts = dataset(48), []
    for rank in range(2):
        with patch.object(samplers, 'get_dist_info', lambda rank=rank: (rank, 2)):
            parts.append(list(itertools.islice(LengthGroupedSampler(data, 4, pool_batches=3), 24)))
    assert sorted(parts[0] + parts[1]) == list(range(48))


def test_less_than_a_batch_is_refused():
    with pytest.raises(ValueError, match=r'sampler\.batch_size: expected at most 3'):
        LengthGroupedSampler(dataset(3), 4)
