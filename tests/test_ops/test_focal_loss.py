from __future__ import annotations

import math

import pytest
import torch
from mmcv.ops import sigmoid_focal_loss, softmax_focal_loss
from torch import Tensor


def inputs() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(6, 4, generator=generator, dtype=torch.float64)
    return logits, torch.tensor([0, 1, 2, 3, 3, 0]), torch.tensor([1.0, 2.0, 0.5, 3.0]).double()


@pytest.mark.parametrize('gamma', [0.0, 1.0, 2.0])
@pytest.mark.parametrize('weighted', [True, False])
def test_sigmoid_loss_equals_the_plain_formula(gamma: float, weighted: bool) -> None:
    logits, target, weight = inputs()
    loss = sigmoid_focal_loss(logits, target, gamma, 0.25, weight if weighted else None, 'none')
    for row, column in torch.cartesian_prod(torch.arange(6), torch.arange(4)).tolist():
        p = 1 / (1 + math.exp(-logits[row, column]))
        label = int(target[row])
        expected = (
            -0.25 * (1 - p) ** gamma * math.log(p)
            if label == column
            else -0.75 * p**gamma * math.log(1 - p)
        )
        factor = weight[label].item() if weighted else 1.0
        assert loss[row, column].item() == pytest.approx(expected * factor)


@pytest.mark.parametrize('gamma', [0.0, 1.0, 2.0])
@pytest.mark.parametrize('weighted', [True, False])
def test_softmax_loss_equals_the_plain_formula(gamma: float, weighted: bool) -> None:
    logits, target, weight = inputs()
    loss = softmax_focal_loss(logits, target, gamma, 0.25, weight if weighted else None, 'none')
    for row, label in enumerate(target.tolist()):
        powers = [math.exp(value) for value in logits[row].tolist()]
        p = powers[label] / sum(powers)
        factor = weight[label].item() if weighted else 1.0
        assert loss[row].item() == pytest.approx(-0.25 * factor * (1 - p) ** gamma * math.log(p))


@pytest.mark.parametrize('function', [sigmoid_focal_loss, softmax_focal_loss])
@pytest.mark.parametrize('reduction', ['mean', 'sum'])
@pytest.mark.parametrize('gamma', [0.0, 0.5, 2.0])
def test_gradients_equal_finite_differences(function, reduction: str, gamma: float) -> None:
    logits, target, weight = inputs()
    assert torch.autograd.gradcheck(
        lambda scores: function(scores, target, gamma, 0.25, weight, reduction),
        [logits.requires_grad_()],
    )


def test_a_target_that_is_no_class_is_background_or_ignored() -> None:
    logits = inputs()[0]
    everywhere = sigmoid_focal_loss(logits, torch.full((6,), 4), 2.0, 0.25, None, 'none')
    assert torch.equal(
        everywhere, sigmoid_focal_loss(logits, torch.full((6,), -1), 2.0, 0.25, None, 'none')
    )
    p = logits.sigmoid()
    torch.testing.assert_close(everywhere, -0.75 * p**2 * (1 - p).log())
    ignored = logits.clone().requires_grad_()
    loss = softmax_focal_loss(ignored, torch.full((6,), -1), 2.0, 0.25, None, 'sum')
    loss.backward()
    assert loss.item() == 0
    assert not ignored.grad.any()


@pytest.mark.parametrize('function', [sigmoid_focal_loss, softmax_focal_loss])
@pytest.mark.parametrize('gamma', [0.0, 0.5, 2.0])
def test_extreme_scores_stay_finite(function, gamma: float) -> None:
    logits = torch.tensor([[200.0, -200.0], [-200.0, 200.0]], requires_grad=True)
    loss = function(logits, torch.tensor([0, 0]), gamma, 0.25, None, 'sum')
    loss.backward()
    assert loss.isfinite()
    assert logits.grad.isfinite().all()


def test_class_weights_need_classes() -> None:
    logits, _, weight = inputs()
    with pytest.raises(ValueError, match=r'target: expected classes in \[0, 4\).*4.*Remedy'):
        sigmoid_focal_loss(logits, torch.full((6,), 4), 2.0, 0.25, weight, 'none')
