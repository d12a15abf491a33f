import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample

from mmpatchioner.models.captioners import PatchProposalDetector
from mmpatchioner.regions import PatchGrid
from mmpatchioner.registry import MODELS


def scene(rows=20, cols=24) -> tuple[torch.Tensor, PatchGrid]:
    """Background with two objects of their own features, and a little noise."""
    generator = torch.Generator().manual_seed(0)
    kinds = torch.zeros(rows, cols, dtype=torch.long)
    kinds[2:8, 3:9], kinds[11:18, 12:22] = 1, 2
    prototypes = torch.randn(3, 16, generator=generator)
    patches = prototypes[kinds.flatten()] + 0.3 * torch.randn(rows * cols, 16, generator=generator)
    return patches, PatchGrid((rows * 10, cols * 10), (rows * 14, cols * 14), 14)


def test_objects_are_found_with_their_boxes_in_original_pixels():
    found = PatchProposalDetector().propose(*scene())
    assert len(found) >= 2
    for expected in ([30, 20, 90, 80], [120, 110, 220, 180]):
        assert (found.bboxes - torch.tensor(expected).float()).abs().amax(dim=1).min() <= 10
    assert (found.scores.diff() <= 0).all()
    assert ((found.scores >= 0) & (found.scores <= 1)).all()
    assert (found.labels == 0).all()


def test_proposals_are_deterministic():
    first, second = (PatchProposalDetector().propose(*scene()) for _ in range(2))
    torch.testing.assert_close(first.bboxes, second.bboxes)
    torch.testing.assert_close(first.scores, second.scores)


def test_limits_are_kept():
    patches, grid = scene()
    assert len(PatchProposalDetector(max_per_img=1).propose(patches, grid)) == 1
    large = PatchProposalDetector(min_patches=50).propose(patches, grid)
    area = (large.bboxes[:, 2:] - large.bboxes[:, :2]).prod(dim=1)
    assert (area >= 50 * 100).all()


@pytest.mark.parametrize('patches', [torch.ones(9, 4), torch.zeros(9, 4)])
def test_an_image_without_structure_gives_finite_results(patches):
    found = PatchProposalDetector(min_patches=2).propose(patches, PatchGrid((30, 30), (42, 42), 14))
    assert found.bboxes.isfinite().all() and found.scores.isfinite().all()


def test_no_segment_of_the_right_size_is_an_empty_result():
    patches, grid = scene()
    nothing = PatchProposalDetector(min_patches=10_000).propose(patches, grid)
    assert nothing.bboxes.shape == (0, 4) and len(nothing.scores) == 0


def test_it_runs_as_an_mmdet_detector_of_its_own(parts):
    model = MODELS.build({**parts['proposer'], 'neck': parts['neck']}).eval()
    meta = dict(
        ori_shape=(50, 80),
        scale_factor=(2.0, 3.0),
        patch_inputs_shape=(84, 84),
        patch_mode='squash',
    )
    torch.manual_seed(0)
    views = torch.randn(2, 3, 84, 84)
    original = model.predict(views, [DetDataSample(metainfo=meta) for _ in range(2)])
    scaled = model.predict(views, [DetDataSample(metainfo=meta) for _ in range(2)], rescale=False)
    for one, other in zip(original, scaled, strict=True):
        boxes = one.pred_instances.bboxes
        np.testing.assert_allclose(
            other.pred_instances.bboxes, boxes * torch.tensor([2, 3, 2, 3]), rtol=1e-5
        )
        assert (boxes >= 0).all() and (boxes[:, 2] <= 80.01).all() and (boxes[:, 3] <= 50.01).all()


def test_misuse_is_named():
    with pytest.raises(ValueError, match='num_segments'):
        PatchProposalDetector(num_segments=(1,))
    with pytest.raises(ValueError, match='give it a neck'):
        PatchProposalDetector().predict(torch.zeros(1, 3, 84, 84), [DetDataSample()])
    with pytest.raises(NotImplementedError, match='no parameter'):
        PatchProposalDetector().loss(torch.zeros(1), [])
