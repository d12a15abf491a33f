import numpy as np
import pytest
import torch
from mmdet.models.detectors.base import BaseDetector
from mmdet.registry import MODELS as MMDET_MODELS
from mmdet.structures.mask import BitmapMasks
from mmengine.dataset import pseudo_collate
from mmengine.structures import InstanceData

from mmpatchioner.datasets.transforms import AddPatchView, PackCaptionInputs
from mmpatchioner.regions import RegionError, Regions
from mmpatchioner.registry import MODELS

HEIGHT, WIDTH = 50, 80


@MODELS.register_module()
class FixedDetector(BaseDetector):
    """A detector that finds the same boxes in every image, some over its border."""

    def __init__(self, with_masks=False, fail_on_unnormalised=False):
        super().__init__(
            data_preprocessor=dict(type='mmdet.DetDataPreprocessor', mean=[1, 1, 1], std=[2, 2, 2])
        )
        self.with_masks = with_masks

    def predict(self, batch_inputs, batch_data_samples, rescale=True):
        assert batch_inputs.ndim == 4 and batch_inputs.is_floating_point()
        for sample in batch_data_samples:
            found = InstanceData(
                bboxes=torch.tensor([[0.0, 0, 40, 25], [-3, -2, 90, 60], [10, 10, 20, 20]]),
                scores=torch.tensor([0.6, 0.9, 0.02]),
                labels=torch.tensor([1, 0, 2]),
            )
            if self.with_masks:
                found.masks = torch.zeros(3, HEIGHT, WIDTH, dtype=torch.bool)
                found.masks[:, 30:, 60:] = True
            sample.pred_instances = found
        return batch_data_samples

    def loss(self, batch_inputs, batch_data_samples):
        return {'loss_bbox': batch_inputs.sum() * 0 + 2}

    def _forward(self, batch_inputs, batch_data_samples=None):
        return batch_inputs

    def extract_feat(self, batch_inputs):
        return batch_inputs


def build(parts, **kwargs):
    torch.manual_seed(0)
    cfg = dict(
        type='mmpatchioner.DenseCaptioner', neck=parts['neck'], caption_head=parts['caption_head']
    )
    return MMDET_MODELS.build({**cfg, 'region_source': 'regions', **kwargs}).eval()


def batch(*extra: dict, seed=0) -> dict:
    items = []
    for index, keys in enumerate(extra or ({},)):
        image = np.random.default_rng(seed + index).integers(
            0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8
        )
        results = dict(
            img=image, ori_shape=(HEIGHT, WIDTH), img_shape=(HEIGHT, WIDTH), scale_factor=(1.0, 1.0)
        )
        results = AddPatchView(size=84)(results)
        items.append(PackCaptionInputs()({**results, **keys}))
    return pseudo_collate(items)


def test_boxes_of_the_detector_get_captions_and_keep_score_and_label(parts):
    model = build(parts, detector=dict(type='mmpatchioner.FixedDetector'), region_source='detector')
    result = model.test_step(batch({}, {}))[1].pred_instances
    assert result.labels.tolist() == [1, 0, 2]
    assert len(result.captions) == 3
    assert result.bboxes[1].tolist() == [0, 0, WIDTH, HEIGHT]  # cut at the border


def test_broken_detections_are_left_out(parts):
    model = build(parts, detector=dict(type='mmpatchioner.FixedDetector'), region_source='detector')
    predict = model.detector.predict

    def broken(*args, **kwargs):
        found = predict(*args, **kwargs)
        found[0].pred_instances.bboxes[0, 2] = float('nan')
        found[0].pred_instances.bboxes[2] = torch.tensor([30.0, 30, 10, 10])
        return found

    model.detector.predict = broken
    result = model.test_step(batch())[0].pred_instances
    assert result.labels.tolist() == [0, 2]
    assert result.bboxes.isfinite().all() and (result.bboxes[:, 2:] >= result.bboxes[:, :2]).all()


def test_thresholds_choose_the_detections_that_are_captioned(parts):
    detector = dict(type='mmpatchioner.FixedDetector')
    kwargs = dict(detector=detector, region_source='detector')
    assert len(build(parts, score_thr=0.05, **kwargs).test_step(batch())[0].pred_instances) == 2
    best = build(parts, max_per_img=1, **kwargs).test_step(batch())[0].pred_instances
    assert best.scores.tolist() == pytest.approx([0.9])


def test_detector_masks_are_pooled_only_if_asked_and_kept_in_both_cases(parts):
    detector = dict(type='mmpatchioner.FixedDetector', with_masks=True)
    kwargs = dict(detector=detector, region_source='detector')
    boxed = build(parts, **kwargs).test_step(batch())[0].pred_instances
    masked = build(parts, use_masks=True, **kwargs).test_step(batch())[0].pred_instances
    plain = build(parts, region_source='detector', detector=dict(type='mmpatchioner.FixedDetector'))
    torch.testing.assert_close(
        boxed.caption_scores, plain.test_step(batch())[0].pred_instances.caption_scores
    )
    assert boxed.masks.shape == masked.masks.shape == (3, HEIGHT, WIDTH)
    assert boxed.kinds == ['box'] * 3 and masked.kinds == ['mask'] * 3
    # The masks are all the same here, the boxes are not.
    assert len(set(masked.captions)) == 1
    torch.testing.assert_close(masked.caption_scores, masked.caption_scores[:1].expand(3))


def test_ground_truth_and_proposals_give_the_same_captions_as_asking_for_the_boxes(parts):
    boxes = np.array([[0, 0, 40, 25], [30, 5, 80, 50]], dtype=np.float32)
    asked = build(parts).test_step(batch({'regions': Regions.from_inputs(boxes=boxes)}))[0]
    truth = build(parts, region_source='gt').test_step(
        batch({'gt_bboxes': boxes, 'gt_bboxes_labels': np.array([4, 5])})
    )[0]
    proposed = build(parts, region_source='proposals').test_step(
        batch({'proposals': boxes, 'proposals_scores': np.array([0.3, 0.2])})
    )[0]
    assert (
        asked.pred_instances.captions
        == truth.pred_instances.captions
        == proposed.pred_instances.captions
    )
    assert truth.pred_instances.labels.tolist() == [4, 5]
    assert proposed.pred_instances.scores.tolist() == pytest.approx([0.3, 0.2])


def test_ground_truth_masks(parts):
    boxes = np.array([[0, 0, 40, 25]], dtype=np.float32)
    bitmap = np.zeros((1, HEIGHT, WIDTH), dtype=np.uint8)
    bitmap[:, 30:, 60:] = 1
    keys = {
        'gt_bboxes': boxes,
        'gt_bboxes_labels': np.array([0]),
        'gt_masks': BitmapMasks(bitmap, HEIGHT, WIDTH),
    }
    masked = build(parts, region_source='gt', use_masks=True).test_step(batch(keys))[0]
    asked = build(parts).test_step(batch({'regions': Regions.from_inputs(masks=bitmap)}))[0]
    assert masked.pred_instances.captions == asked.pred_instances.captions
    torch.testing.assert_close(
        masked.pred_instances.caption_scores, asked.pred_instances.caption_scores
    )


def test_asked_regions_come_first_and_found_ones_after(parts):
    model = build(
        parts, detector=dict(type='mmpatchioner.FixedDetector'), proposer=parts['proposer']
    )
    asked = Regions.from_inputs(points=[[5, 5]], whole_image=True)
    first, second, third = model.test_step(
        batch({'regions': asked, 'propose': 'detector'}, {'regions': asked}, {'propose': 'patches'})
    )
    assert first.pred_instances.kinds == ['point', 'image', 'box', 'box', 'box']
    assert second.pred_instances.kinds == ['point', 'image']
    assert set(third.pred_instances.kinds) == {'box'}
    assert third.pred_instances.scores.isfinite().all()


def test_a_detectors_pipeline_changes_no_caption(parts):
    regions = Regions.from_inputs(boxes=[[0, 0, 40, 25]])
    data = batch({'regions': regions})
    plain = build(parts).test_step(data)[0].pred_instances
    data = batch({'regions': regions})
    data['inputs'] = [torch.zeros(3, 20, 30, dtype=torch.uint8)]
    changed = build(parts, detector=dict(type='mmpatchioner.FixedDetector')).test_step(data)[0]
    assert plain.captions == changed.pred_instances.captions


def test_loss_is_the_detectors(parts):
    model = build(parts, detector=dict(type='mmpatchioner.FixedDetector'))
    data = model.data_preprocessor(batch(), True)
    assert model(**data, mode='loss')['loss_bbox'] == 2
    with pytest.raises(ValueError, match='trained on text'):
        build(parts)(**data, mode='loss')


def test_tensor_mode_gives_the_patch_features(parts):
    model = build(parts)
    data = model.data_preprocessor(batch({}, {}))
    assert model(**data, mode='tensor').patches.shape == (2, 36, 32)


@pytest.mark.parametrize(
    ('kwargs', 'message'),
    [
        ({'region_source': 'detector'}, 'needs a detector'),
        ({'region_source': 'patches'}, r'model\.proposer'),
        ({'region_source': 'boxes'}, r'model\.region_source'),
    ],
)
def test_a_source_without_its_part_is_refused(parts, kwargs, message):
    with pytest.raises(ValueError, match=message):
        build(parts, **kwargs)


def test_missing_regions_and_views_are_named(parts):
    with pytest.raises(ValueError, match='`proposals` on the data sample'):
        build(parts, region_source='proposals').test_step(batch())
    data = batch()
    del data['patch_inputs']
    with pytest.raises(KeyError, match='AddPatchView'):
        build(parts).test_step(data)
    with pytest.raises(RegionError, match=r'boxes\[1\]'):
        build(parts).test_step(
            batch({'regions': Regions.from_inputs(boxes=[[0, 0, 9, 9], [500, 0, 600, 9]])})
        )
