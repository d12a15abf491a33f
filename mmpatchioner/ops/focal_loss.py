"""Focal loss (Lin et al., 2017, equation 5) on sigmoid and on softmax scores."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def sigmoid_focal_loss_forward(
    input: Tensor, target: Tensor, weight: Tensor, output: Tensor, gamma: float, alpha: float
) -> None:
    """Fill ``output`` with the loss of every score.

    Args:
        input: Logits, shape (N, C).
        target: Class of every row, shape (N,); C or anything that is no class stands for
            background.
        weight: Factor of every class, shape (C,), or empty.
        output: Output, shape (N, C).
        gamma: Exponent that lowers the loss of easy scores.
        alpha: Weight of the positive scores; that of the negative is 1 - alpha.

    Raises:
        ValueError: If ``weight`` is given and a target is no class.
    """
    p = input.sigmoid()
    positive = -alpha * (1 - p) ** gamma * F.logsigmoid(input)
    negative = -(1 - alpha) * p**gamma * F.logsigmoid(-input)
    loss = torch.where(_is_target(input, target), positive, negative)
    output.copy_(_weighted(loss, target, weight))


def sigmoid_focal_loss_backward(
    input: Tensor, target: Tensor, weight: Tensor, grad_input: Tensor, gamma: float, alpha: float
) -> None:
    """Fill ``grad_input`` (N, C) with the derivative of every loss; arguments as in the forward."""
    p = input.sigmoid()
    positive = alpha * (1 - p) ** gamma * (gamma * p * F.logsigmoid(input) - (1 - p))
    negative = (1 - alpha) * p**gamma * (p - gamma * (1 - p) * F.logsigmoid(-input))
    derivative = torch.where(_is_target(input, target), positive, negative)
    grad_input.copy_(_weighted(derivative, target, weight))


def softmax_focal_loss_forward(
    input: Tensor, target: Tensor, weight: Tensor, output: Tensor, gamma: float, alpha: float
) -> None:
    """Fill ``output`` with the loss of every row.

    Args:
        input: Probabilities (softmax of the logits), shape (N, C).
        target: Class of every row, shape (N,); negative: the row is ignored.
        weight: Factor of every class, shape (C,), or empty.
        output: Output, shape (N,).
        gamma: Exponent that lowers the loss of easy rows.
        alpha: Factor of all losses.

    Raises:
        ValueError: If ``weight`` is given and a target is no class and not negative.
    """
    p = _target_probability(input, target)
    loss = -alpha * (1 - p) ** gamma * _log(p)
    output.copy_(_weighted(loss.where(target >= 0, 0), target.clamp(min=0), weight))


def softmax_focal_loss_backward(
    input: Tensor,
    target: Tensor,
    weight: Tensor,
    buff: Tensor,
    grad_input: Tensor,
    gamma: float,
    alpha: float,
) -> None:
    """Fill ``grad_input`` (N, C) with the derivative by the logits, ``buff`` (N,) with that by log p."""
    p = _target_probability(input, target)
    # p log(p) / (1 - p) tends to -1 where p tends to 1.
    ratio = torch.where(p < 1, p * _log(p) / (1 - p), -torch.ones_like(p))
    by_log = alpha * (1 - p) ** gamma * (gamma * ratio - 1)
    buff.copy_(_weighted(by_log.where(target >= 0, 0), target.clamp(min=0), weight))
    grad_input.copy_(buff[:, None] * (_is_target(input, target).to(input.dtype) - input))


def _is_target(scores: Tensor, target: Tensor) -> Tensor:
    """(N, C) bool."""
    return target[:, None] == torch.arange(scores.shape[1], device=scores.device)


def _target_probability(probabilities: Tensor, target: Tensor) -> Tensor:
    return probabilities.gather(1, target.clamp(min=0)[:, None])[:, 0]


def _log(p: Tensor) -> Tensor:
    return p.clamp(min=torch.finfo(p.dtype).tiny).log()


def _weighted(loss: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Multiply every row by the weight of its class."""
    if weight.numel() == 0:
        return loss
    if not bool(((target >= 0) & (target < len(weight))).all()):
        raise ValueError(
            f'target: expected classes in [0, {len(weight)}) because class weights are given, '
            f'got values from {int(target.min())} to {int(target.max())}. Remedy: leave the weights '
            'out, or drop those rows.'
        )
    factors = weight[target]
    return loss * (factors if loss.ndim == 1 else factors[:, None])
