from __future__ import annotations

import pytest
import torch
from mmcv.ops import MaskedConv2d


@pytest.mark.parametrize(('kernel', 'padding'), [(1, 0), (3, 1), ((3, 1), (1, 0))])
def test_equals_a_convolution_where_the_mask_is_set(kernel, padding) -> None:
    torch.manual_seed(0)
    layer = MaskedConv2d(3, 5, kernel, padding=padding)
    image, mask = torch.randn(1, 3, 6, 8), torch.rand(1, 6, 8) > 0.5
    with torch.no_grad():
        expected = layer(image) * mask
        torch.testing.assert_close(layer(image, mask.float()), expected)


def test_empty_mask_gives_zeros() -> None:
    layer = MaskedConv2d(3, 5, 3, padding=1)
    assert not layer(torch.randn(1, 3, 6, 8), torch.zeros(1, 6, 8)).any()
