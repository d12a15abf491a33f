"""Gradients of an operator from its differentiable forward."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def vector_jacobian(
    function: Callable[..., Tensor], inputs: Sequence[Tensor], grad_output: Tensor
) -> tuple[Tensor, ...]:
    """Multiply the gradient of an output by the Jacobian of the function, which runs once more.

    mmcv calls an operator's backward inside an autograd function, where no graph is recorded: the
    graph is made here and thrown away.

    Args:
        function: Differentiable in every input.
        inputs: Its arguments; they are not changed.
        grad_output: Gradient of its output, of the output's shape.

    Returns:
        The gradient of every input.

    Example:
        >>> x = torch.tensor([1.0, 2.0])
        >>> vector_jacobian(torch.square, [x], torch.ones(2))
        (tensor([2., 4.]),)
    """
    with torch.enable_grad():
        leaves = [tensor.detach().requires_grad_() for tensor in inputs]
        return torch.autograd.grad(function(*leaves), leaves, grad_output)
