"""Regions of a call, sorted by image."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from mmpatchioner.apis import InputError
from mmpatchioner.apis.region_inputs import split_by_image

BOX = [1, 2, 3, 4]
MASK = np.ones((4, 5), bool)
RLE = {'size': [4, 5], 'counts': '04o0'}


@pytest.mark.parametrize('single', [True, False])
@pytest.mark.parametrize(
    ('name', 'entry'),
    [
        ('boxes', [BOX, BOX]),
        ('boxes', []),
        ('masks', [MASK]),
        ('masks', [RLE]),
        ('points', [[1, 2]]),
        ('traces', [[[1, 2], [3, 4]], [[5, 6]]]),
        ('region_sets', [[BOX, BOX]]),
    ],
)
def test_one_image_takes_its_regions_bare_or_in_a_list(name: str, entry: Any, single: bool) -> None:
    bare = split_by_image(1, single=single, **{name: entry})
    assert bare[0][name] is entry
    if entry or not single:
        wrapped = split_by_image(1, single=single, **{name: [entry]})
        assert wrapped[0][name] is entry


def test_arrays_and_tensors() -> None:
    for rows in (np.ones((2, 4)), torch.ones(2, 4)):
        assert split_by_image(1, single=True, boxes=rows)[0]['boxes'] is rows
        assert len(split_by_image(1, single=True, boxes=rows[None])[0]['boxes']) == 2
    assert len(split_by_image(3, single=False, boxes=np.ones((3, 2, 4)))) == 3


def test_several_images() -> None:
    entries = split_by_image(
        2, single=False, boxes=[[BOX], None], points=[None, [[1, 2]]], whole_image=[True, False]
    )
    assert entries[0]['boxes'] == [BOX]
    assert entries[0]['points'] is None
    assert entries[0]['whole_image'] is True
    assert entries[1]['boxes'] is None
    assert entries[1]['whole_image'] is False


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'boxes': [[BOX]]}, r'boxes: expected one entry per image, 2 in all, got 1'),
        ({'traces': [None, None, None]}, r'traces: .* 2 in all, got 3'),
        ({'points': 5}, r'points: expected a list .*got int'),
        ({'whole_image': [True]}, r'whole_image: .* 2 in all, got 1'),
    ],
)
def test_lengths_that_do_not_match(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        split_by_image(2, single=False, **arguments)


def test_two_entries_for_one_image() -> None:
    with pytest.raises(InputError, match=r'boxes: expected one entry per image, 1 in all, got 2'):
        split_by_image(1, single=True, boxes=[[BOX], [BOX]])
