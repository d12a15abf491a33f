"""Portable and compiled operators side by side, where mmcv has compiled ones."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import mmcv.ops as ops
import pytest
import torch
from torch import Tensor

from mmpatchioner.ops.extension import NAME, PortableExtension

GENERATOR = torch.Generator().manual_seed(0)


def randn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=GENERATOR)


LOW = torch.rand(200, 2, generator=GENERATOR) * 60
BOXES = torch.cat([LOW, LOW + torch.rand(200, 2, generator=GENERATOR) * 30 + 1], 1)
SCORES = torch.rand(200, generator=GENERATOR)
ROIS = torch.cat([torch.arange(200)[:, None] % 2, BOXES], 1)
ROTATED = torch.cat([BOXES[:, :2], BOXES[:, 2:] - BOXES[:, :2], randn(200, 1)], 1)
MAPS, DCN_WEIGHT = randn(2, 4, 20, 24), randn(6, 4, 3, 3)
DCN_OFFSET, DCN_MASK = randn(2, 18, 20, 24), randn(2, 9, 20, 24).sigmoid()

CASES: dict[str, Callable[[Tensor], object]] = {
    'nms': lambda _: ops.nms(BOXES, SCORES, 0.5)[1],
    'nms_match': lambda _: torch.cat(ops.nms_match(torch.cat([BOXES, SCORES[:, None]], 1), 0.5)),
    'nms_rotated': lambda _: ops.nms_rotated(ROTATED, SCORES, 0.5)[1],
    'softnms': lambda _: ops.soft_nms(BOXES, SCORES, method='gaussian')[0],
    'box_iou_rotated': lambda _: ops.box_iou_rotated(ROTATED, ROTATED),
    'roi_align': lambda maps: ops.roi_align(maps, ROIS, 7, 0.25, 0, 'avg', True),
    'roi_align_sampled': lambda maps: ops.roi_align(maps, ROIS, 7, 0.25, 2, 'avg', False),
    'roi_align_max': lambda maps: ops.roi_align(maps, ROIS, 7, 0.25, 2, 'max', True),
    'deform_conv': lambda maps: ops.deform_conv2d(maps, DCN_OFFSET, DCN_WEIGHT, 1, 1),
    'modulated_deform_conv': lambda maps: ops.modulated_deform_conv2d(
        maps, DCN_OFFSET, DCN_MASK, DCN_WEIGHT, None, 1, 1
    ),
}


@pytest.mark.parametrize('name', CASES)
def test_same_values_and_gradients(name: str, monkeypatch, wrapper_modules) -> None:
    compiled = importlib.import_module(NAME)
    if isinstance(compiled, PortableExtension):
        pytest.skip('mmcv has no compiled operators here')

    def results() -> list[Tensor]:
        maps = MAPS.clone().requires_grad_()
        output = CASES[name](maps)
        if not output.requires_grad:
            return [output]
        return [output.detach(), torch.autograd.grad(output.square().sum(), maps)[0]]

    portable = results()
    for module in wrapper_modules:
        monkeypatch.setattr(module, 'ext_module', compiled)
    for ours, theirs in zip(portable, results(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
