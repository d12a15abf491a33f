"""The quick linear map is the linear map, whichever library computes it."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from mmpatchioner.models.decoders import linear as module
from mmpatchioner.models.decoders.linear import Linear, linear


@pytest.mark.parametrize('shape', [(0, 12), (1, 12), (5, 12), (64, 12), (3, 2, 12), (2, 0, 12)])
@pytest.mark.parametrize('with_bias', [False, True])
@pytest.mark.parametrize('onednn', [False, True])
def test_in_every_mode_it_is_torchs(monkeypatch, shape, with_bias, onednn):
    if not onednn:
        monkeypatch.setattr(module, '_ONEDNN', None)
    x, weight = torch.randn(shape), torch.randn(40, 12)
    bias = torch.randn(30) if with_bias else None
    expected = F.linear(x, weight[:30], bias)
    torch.testing.assert_close(linear(x, weight[:30], bias), expected)
    with torch.inference_mode():
        torch.testing.assert_close(linear(x, weight[:30], bias), expected, atol=1e-5, rtol=1e-5)
        double = linear(x.double(), weight[:30].double(), None if bias is None else bias.double())
        torch.testing.assert_close(double.float(), expected, atol=1e-5, rtol=1e-5)


def test_rows_out_of_a_larger_tensor():
    x, weight = torch.randn(6, 4, 12)[:, -1], torch.randn(40, 12)
    with torch.inference_mode():
        torch.testing.assert_close(linear(x, weight), x @ weight.T, atol=1e-5, rtol=1e-5)


def test_a_row_does_not_depend_on_the_others():
    x, weight = torch.randn(33, 64), torch.randn(500, 64)
    with torch.inference_mode():
        together = linear(x, weight)
        alone = torch.cat([linear(row[None], weight) for row in x])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


def test_the_layer_learns():
    layer = Linear(4, 3)
    layer(torch.randn(2, 4)).sum().backward()
    torch.testing.assert_close(layer.bias.grad, torch.full((3,), 2.0))
