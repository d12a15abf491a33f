import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.structures import InstanceData

from mmpatchioner.datasets.transforms import AddPatchView, KeepImage, PackCaptionInputs, PatchView
from mmpatchioner.models.captioners.crop_captioner import whole_pixel_boxes
from mmpatchioner.regions import RegionError, Regions
from mmpatchioner.registry import MODELS

HEIGHT, WIDTH = 50, 80
BOXES = [[0, 0, 40, 25], [10.4, 5.6, 70, 45], [30, 30, 30, 30], [60, -9, 90, 20]]


def build(parts, feature='cls', **kwargs):
    torch.manual_seed(0)
    head = {**parts['caption_head'], 'region_feature': feature}
    cfg = dict(
        type='mmpatchioner.CropCaptioner',
        neck=parts['neck'],
        caption_head=head,
        view=dict(size=84),
        region_source='regions',
    )
    return MODELS.build({**cfg, **kwargs}).eval()


def item(keep=True, seed=0, **keys) -> dict:
    image = np.random.default_rng(seed).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    results = dict(
        img=image, ori_shape=(HEIGHT, WIDTH), img_shape=(HEIGHT, WIDTH), scale_factor=(1.0, 1.0)
    )
    steps = [KeepImage(), AddPatchView(size=84)] if keep else [AddPatchView(size=84)]
    for step in steps:
        results = step(results)
    results['img'] = np.zeros((9, 9, 3), dtype=np.uint8)  # what a detector's pipeline made of it
    return PackCaptionInputs()({**results, **keys})


def batch(*items: dict) -> dict:
    return pseudo_collate(list(items))


@torch.no_grad()
@pytest.mark.parametrize('feature', ['cls', 'image'])
def test_every_region_is_its_crop_seen_alone(parts, feature):
    model = build(parts, feature)
    regions = Regions.from_inputs(boxes=BOXES, whole_image=True)
    data = item(regions=regions)
    result = model.test_step(batch(data))[0].pred_instances
    assert result.kinds == ['box'] * 4 + ['image']
    torch.testing.assert_close(result.bboxes[:4], torch.tensor(BOXES))
    image = data['data_samples'].original_image
    corners = [[0, 0, 40, 25], [10, 6, 70, 45], [30, 30, 31, 31], [60, 0, 80, 20], [0, 0, 80, 50]]
    crops = [PatchView(size=84)(image[y1:y2, x1:x2]) for x1, y1, x2, y2 in corners]
    feats = model.patch_neck(torch.stack(crops))
    vectors = feats.cls if feature == 'cls' else feats.patches.mean(dim=1)
    head = model.caption_head
    expected = head.decoder.generate(head.bridge(vectors))
    assert result.captions == expected.texts
    torch.testing.assert_close(result.caption_scores, expected.scores, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_the_published_crops_lose_the_ends_of_long_boxes(parts):
    data, changed = item(), item()
    changed['data_samples'].original_image[:, :10] = 255
    changed['data_samples'].original_image[:, -10:] = 0
    views = {}
    for mode in ('squash', 'center_crop'):
        model = build(parts, view=dict(size=84, mode=mode))
        long = Regions.from_inputs(boxes=[[0, 0, WIDTH, HEIGHT]])
        for content in (data, changed):
            content['data_samples'].regions = long
        seen = [model.test_step(batch(content))[0].pred_instances for content in (data, changed)]
        views[mode] = [instances.caption_scores for instances in seen]
    assert torch.equal(*views['center_crop'])
    assert not torch.allclose(*views['squash'], atol=1e-6)


def test_chunks_and_batches_change_no_caption(parts):
    first = Regions.from_inputs(boxes=BOXES)
    second = Regions.from_inputs(
        points=[[5, 5]], traces=[[[1, 1], [60, 40]]], region_sets=[BOXES[:2]]
    )
    together = build(parts).test_step(
        batch(item(regions=first), item(regions=second, seed=1), item(regions=Regions()))
    )
    assert [len(sample.pred_instances) for sample in together] == [4, 3, 0]
    for index, (regions, seed) in enumerate([(first, 0), (second, 1)]):
        chunked = build(parts, crop_batch=3).test_step(batch(item(regions=regions, seed=seed)))[0]
        alone, whole = chunked.pred_instances, together[index].pred_instances
        assert alone.captions == whole.captions
        torch.testing.assert_close(alone.caption_scores, whole.caption_scores, atol=1e-5, rtol=1e-4)


def test_regions_come_from_every_source(parts):
    boxes = np.array(BOXES[:2], dtype=np.float32)
    asked = build(parts).test_step(batch(item(regions=Regions.from_inputs(boxes=boxes))))[0]
    truth = build(parts, region_source='gt').test_step(
        batch(item(gt_bboxes=boxes, gt_bboxes_labels=np.array([4, 5])))
    )[0]
    assert truth.pred_instances.captions == asked.pred_instances.captions
    assert truth.pred_instances.labels.tolist() == [4, 5]
    found = build(parts, region_source='patches', proposer=parts['proposer']).test_step(
        batch(item())
    )[0]
    assert len(found.pred_instances) and found.pred_instances.scores.isfinite().all()


def test_the_whole_image_is_encoded_only_for_proposals(parts, monkeypatch):
    sizes = []
    for options in ({}, {'region_source': 'patches', 'proposer': parts['proposer']}):
        model = build(parts, **options)
        forward = model.patch_neck.forward
        monkeypatch.setattr(
            model.patch_neck, 'forward', lambda x, f=forward: sizes.append(len(x)) or f(x)
        )
        keys = {} if options else {'regions': Regions.from_inputs(boxes=BOXES)}
        model.test_step(batch(item(**keys)))
    assert sizes[0] == 4 and sizes[1] == 1 and len(sizes) == 3


def test_detections_keep_their_masks_and_scores(parts):
    masks = torch.zeros(2, HEIGHT, WIDTH, dtype=torch.bool)
    masks[:, :9, :9] = True
    given = InstanceData(
        bboxes=torch.tensor(BOXES[:2]), masks=masks, scores=torch.tensor([0.9, 0.2])
    )
    data = item()
    data['data_samples'].proposals = given
    model = build(parts, region_source='proposals')
    result = model.test_step(batch(data))[0].pred_instances
    assert torch.equal(result.masks, masks) and result.scores.tolist() == pytest.approx([0.9, 0.2])


def test_boxes_become_whole_pixels_inside_of_the_image():
    boxes = torch.tensor([[79.9, 49.9, 80, 50], [80, 50, 80, 50], [2.5, 3.5, 2.6, 9.0]])
    assert whole_pixel_boxes(boxes, (HEIGHT, WIDTH)).tolist() == [
        [79, 49, 80, 50],
        [79, 49, 80, 50],
        [2, 4, 3, 9],
    ]


def test_what_is_missing_or_unfit_is_named(parts):
    with pytest.raises(ValueError, match="expects 'image' or 'cls'"):
        build(parts, feature='patches')
    with pytest.raises(ValueError, match=r'model\.crop_batch'):
        build(parts, crop_batch=0)
    boxes = Regions.from_inputs(boxes=BOXES)
    with pytest.raises(ValueError, match=r'mmpatchioner\.KeepImage'):
        build(parts).test_step(batch(item(keep=False, regions=boxes)))
    outside = Regions.from_inputs(boxes=[[500, 0, 600, 9]])
    with pytest.raises(RegionError, match=r'boxes\[0\]'):
        build(parts).test_step(batch(item(regions=outside)))


def test_keep_image_wants_the_original_and_copies_it():
    image = np.zeros((4, 6, 3), dtype=np.uint8)
    results = KeepImage()(dict(img=image, ori_shape=(4, 6)))
    image[:] = 1
    assert not results['original_image'].any()
    with pytest.raises(ValueError, match='put KeepImage directly after'):
        KeepImage()(dict(img=image, ori_shape=(8, 6)))
