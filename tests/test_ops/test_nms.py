from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmcv.ops import batched_nms, nms, nms_match
from torch import Tensor

from mmpatchioner.ops import nms as portable
from mmpatchioner.ops.greedy import BLOCK

# Whole coordinates: an overlap is either equal to the threshold or clearly different from it.
boxes_and_scores = st.lists(
    st.tuples(
        *[st.integers(0, 12)] * 2, *[st.integers(0, 8)] * 2, st.sampled_from([0.1, 0.5, 0.9])
    ),
    max_size=25,
)
thresholds = st.sampled_from([0.0, 0.3, 0.5, 0.7, 1.0])


def to_tensors(rows: list[tuple]) -> tuple[Tensor, Tensor]:
    table = torch.tensor(rows, dtype=torch.float32).reshape(-1, 5)
    return torch.cat([table[:, :2], table[:, :2] + table[:, 2:4]], 1), table[:, 4]


def iou(a: list[float], b: list[float], offset: int) -> float:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]) + offset)
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]) + offset)
    areas = [(box[2] - box[0] + offset) * (box[3] - box[1] + offset) for box in (a, b)]
    union = sum(areas) - width * height
    return width * height / union if union else float('nan')


def plain_nms(boxes: Tensor, scores: Tensor, threshold: float, offset: int) -> list[int]:
    table = boxes.tolist()
    kept: list[int] = []
    for index in sorted(range(len(table)), key=lambda i: -scores[i].item()):
        if not any(iou(table[other], table[index], offset) > threshold for other in kept):
            kept.append(index)
    return kept


@given(boxes_and_scores, thresholds, st.sampled_from([0, 1]))
@settings(max_examples=60, deadline=None)
def test_equals_the_plain_loop(rows: list[tuple], threshold: float, offset: int) -> None:
    boxes, scores = to_tensors(rows)
    kept = portable.nms(boxes, scores, threshold, offset)
    assert kept.tolist() == plain_nms(boxes, scores, threshold, offset)


@pytest.mark.parametrize('num', [BLOCK - 1, BLOCK + 1, 3 * BLOCK + 7])
def test_more_boxes_than_a_block(num: int) -> None:
    generator = torch.Generator().manual_seed(num)
    low = torch.randint(0, 60, (num, 2), generator=generator).float()
    boxes = torch.cat([low, low + torch.randint(1, 30, (num, 2), generator=generator)], 1)
    scores = torch.rand(num, generator=generator)
    dets, kept = nms(boxes, scores, 0.5)
    assert kept.tolist() == plain_nms(boxes, scores, 0.5, 0)
    assert torch.equal(dets, torch.cat([boxes, scores[:, None]], 1)[kept])


def test_a_chain_in_which_every_second_box_falls() -> None:
    starts = torch.arange(50.0)
    boxes = torch.stack([starts, torch.zeros(50), starts + 3, torch.ones(50)], 1)
    kept = portable.nms(boxes, -starts, 0.4, 0)
    assert kept.tolist() == list(range(0, 50, 2))


def test_wrapper_filters_by_score_and_number_and_takes_numpy() -> None:
    boxes = np.array([[0, 0, 4, 4], [8, 8, 9, 9], [20, 20, 30, 30]], dtype=np.float32)
    scores = np.array([0.1, 0.6, 0.5], dtype=np.float32)
    dets, kept = nms(boxes, scores, 0.5, score_threshold=0.2, max_num=1)
    assert isinstance(dets, np.ndarray)
    assert kept.tolist() == [1]


def test_batched_keeps_classes_apart() -> None:
    boxes = torch.tensor([[0.0, 0, 4, 4], [0, 0, 4, 4], [0, 0, 4, 4]])
    scores = torch.tensor([0.3, 0.9, 0.5])
    _, kept = batched_nms(
        boxes, scores, torch.tensor([0, 0, 1]), {'type': 'nms', 'iou_threshold': 0.5}
    )
    assert kept.tolist() == [1, 2]


def test_empty_input() -> None:
    dets, kept = nms(torch.zeros(0, 4), torch.zeros(0), 0.5)
    assert dets.shape == (0, 5)
    assert kept.tolist() == []


def test_boxes_that_are_not_numbers_suppress_nothing() -> None:
    boxes = torch.tensor([[float('nan')] * 4, [0.0, 0, 4, 4], [0, 0, 4, 4]])
    assert portable.nms(boxes, torch.tensor([0.9, 0.8, 0.7]), 0.5, 0).tolist() == [0, 1]


def test_half_precision_scores_and_boxes() -> None:
    boxes = torch.tensor([[0.0, 0, 400, 400], [0, 0, 400, 500], [800, 800, 900, 900]])
    scores = torch.tensor([0.5, 0.9, 0.1])
    for box_type, score_type in ((torch.half, torch.half), (torch.float, torch.half)):
        assert portable.nms(boxes.to(box_type), scores.to(score_type), 0.5, 0).tolist() == [1, 2]


@given(boxes_and_scores.filter(bool), thresholds)
@settings(max_examples=60, deadline=None)
def test_match_equals_the_plain_loop(rows: list[tuple], threshold: float) -> None:
    boxes, scores = to_tensors(rows)
    table = boxes.tolist()
    expected: list[list[int]] = []
    for index in sorted(range(len(table)), key=lambda i: -scores[i].item()):
        for group in expected:
            if iou(table[group[0]], table[index], 0) >= threshold:
                group.append(index)
                break
        else:
            expected.append([index])
    groups = nms_match(torch.cat([boxes, scores[:, None]], 1), threshold)
    assert [group.tolist() for group in groups] == expected
