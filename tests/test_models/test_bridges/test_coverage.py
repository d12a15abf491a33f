import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from mmpatchioner.models.bridges import medoids


def test_well_separated_clusters_are_each_stood_for_by_one_row():
    generator = torch.Generator().manual_seed(0)
    directions = torch.eye(8)[:3]
    owners = torch.tensor([0] * 50 + [1] * 30 + [2] * 20)
    rows = directions[owners] + 0.05 * torch.randn(100, 8, generator=generator)
    for seed in range(20):
        indices, counts = medoids(rows, size=3, iterations=5, seed=seed)
        if len(set(owners[indices].tolist())) == 3:  # the start may put two centres in one cluster
            assert counts.tolist() == [50, 30, 20]
            break
    else:
        pytest.fail('no start of 20 found the three clusters')


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.data())
def test_counts_cover_every_row_once(number, data):
    rows = torch.randn(number, 4, generator=torch.Generator().manual_seed(number))
    size = data.draw(st.integers(1, number))
    indices, counts = medoids(rows, size)
    assert len(indices) == len(counts) <= size
    assert counts.sum() == number and (counts > 0).all()
    assert indices.tolist() == sorted(set(indices.tolist()))


def test_all_rows_as_medoids_are_the_rows_themselves():
    rows = torch.randn(12, 5, generator=torch.Generator().manual_seed(0))
    indices, counts = medoids(rows, size=12)
    assert indices.tolist() == list(range(12)) and counts.tolist() == [1] * 12


def test_a_medoid_is_the_row_nearest_to_the_mean_of_its_cluster():
    rows = F.normalize(torch.randn(30, 6, generator=torch.Generator().manual_seed(3)), dim=1)
    indices, counts = medoids(rows, size=1, iterations=1)
    assert counts.tolist() == [30]
    assert indices.item() == int((rows @ F.normalize(rows.sum(dim=0), dim=0)).argmax())


@pytest.mark.parametrize('size', [0, 4])
def test_impossible_sizes_are_refused(size):
    with pytest.raises(ValueError, match='expected 1 to 3'):
        medoids(torch.eye(3), size)
