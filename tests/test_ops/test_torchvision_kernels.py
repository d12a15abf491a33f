"""The way to torchvision's kernels, with a stand-in where torchvision is not installed."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch
from mmcv.ops import nms, roi_align

from mmpatchioner.ops import nms as nms_module
from mmpatchioner.ops import roi_align as roi_align_module
from mmpatchioner.ops.torchvision_kernels import torchvision_ops


@pytest.fixture(autouse=True)
def _forget_earlier_answers():
    torchvision_ops.cache_clear()
    yield
    torchvision_ops.cache_clear()


def put_in_place(monkeypatch, kernel) -> ModuleType:
    ops = ModuleType('torchvision.ops')
    ops.nms = kernel
    monkeypatch.setitem(sys.modules, 'torchvision', ModuleType('torchvision'))
    monkeypatch.setitem(sys.modules, 'torchvision.ops', ops)
    return ops


def test_missing_torchvision_is_no_error(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, 'torchvision', None)
    assert torchvision_ops('cpu') is None


@pytest.mark.parametrize('error', [RuntimeError, NotImplementedError, AttributeError, OSError])
def test_kernels_that_fail_are_not_used(monkeypatch, error: type[Exception]) -> None:
    def broken(*args):
        raise error('operator torchvision::nms does not exist')

    put_in_place(monkeypatch, broken)
    assert torchvision_ops('cpu') is None


def test_kernels_that_work_are_used(monkeypatch) -> None:
    ops = put_in_place(monkeypatch, lambda boxes, scores, threshold: torch.tensor([0]))
    assert torchvision_ops('cpu') is ops


def test_nms_hands_over_unless_there_is_an_offset(monkeypatch) -> None:
    calls = []

    def kernel(boxes, scores, threshold):
        calls.append((boxes.dtype, scores.dtype, threshold))
        return torch.tensor([1])

    monkeypatch.setattr(nms_module, 'torchvision_ops', lambda device: SimpleNamespace(nms=kernel))
    boxes = torch.tensor([[0.0, 0, 2, 2], [5, 5, 6, 6]])
    _, kept = nms(boxes, torch.tensor([0.5, 0.9]).half(), 0.5)
    assert kept.tolist() == [1]
    assert calls == [(torch.float32, torch.float32, 0.5)]
    _, kept = nms(boxes, torch.tensor([0.5, 0.9]), 0.5, offset=1)
    assert kept.tolist() == [1, 0]
    assert len(calls) == 1


def test_roi_align_hands_over_the_average_and_its_gradient(monkeypatch) -> None:
    features = torch.randn(1, 2, 8, 8).requires_grad_()
    rois = torch.tensor([[0, 1.0, 1, 6, 7]])
    plain = roi_align(features, rois, 3, 0.5, 2)
    (plain_gradient,) = torch.autograd.grad(plain.square().sum(), features)
    calls = []

    def kernel(maps, boxes, size, scale, ratio, aligned):
        calls.append((size, scale, ratio, aligned))
        # Differentiable, as torchvision's is, and recognisable: the mean of every map.
        return maps.mean((2, 3))[None, :, :, None, None].expand(1, 1, 2, *size)[0]

    monkeypatch.setattr(
        roi_align_module, 'torchvision_ops', lambda device: SimpleNamespace(roi_align=kernel)
    )
    pooled = roi_align(features, rois, 3, 0.5, 2)
    torch.testing.assert_close(pooled, features.mean((2, 3))[:, :, None, None].expand(1, 2, 3, 3))
    (gradient,) = torch.autograd.grad(pooled.sum(), features)
    torch.testing.assert_close(gradient, torch.full_like(features, 9 / 64))
    assert calls == [((3, 3), 0.5, 2, True)] * 2
    assert not torch.equal(gradient, plain_gradient)


def test_real_kernels_agree_with_the_portable_ones(monkeypatch) -> None:
    kernels = torchvision_ops('cpu')
    if kernels is None:
        pytest.skip('torchvision is not installed, or was built for another torch')
    generator = torch.Generator().manual_seed(0)
    low = torch.rand(300, 2, generator=generator) * 60
    boxes = torch.cat([low, low + torch.rand(300, 2, generator=generator) * 30 + 1], 1)
    scores = torch.rand(300, generator=generator)
    features = torch.randn(2, 4, 16, 16, generator=generator, requires_grad=True)
    rois = torch.cat([torch.arange(300)[:, None] % 2, boxes], 1)

    def results() -> list[torch.Tensor]:
        pooled = roi_align(features, rois, 7, 0.25, 0)
        (gradient,) = torch.autograd.grad(pooled.square().sum(), features)
        return [nms(boxes, scores, 0.5)[1], pooled.detach(), gradient]

    portable = results()
    for module in (nms_module, roi_align_module):
        monkeypatch.setattr(module, 'torchvision_ops', lambda device: kernels)
    for ours, theirs in zip(portable, results(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
