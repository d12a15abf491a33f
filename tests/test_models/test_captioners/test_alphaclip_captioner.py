import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.dataset import pseudo_collate
from mmengine.structures import InstanceData

from mmpatchioner.datasets.transforms import AddPatchView, PackCaptionInputs
from mmpatchioner.models.captioners.alphaclip_captioner import input_masks
from mmpatchioner.models.heads.region_rows import RegionRows
from mmpatchioner.regions import RegionError, Regions
from mmpatchioner.registry import MODELS

HEIGHT, WIDTH = 50, 80
BOXES = [[0, 0, 40, 25], [10.4, 5.6, 70, 45], [30, 30, 30, 30], [60, -9, 90, 20]]
NECK = dict(
    type='mmpatchioner.AlphaCLIPNeck',
    backbone=dict(
        config=dict(
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            image_size=84,
            patch_size=14,
            projection_dim=32,
        )
    ),
)


def build(parts, feature='cls', **kwargs):
    torch.manual_seed(0)
    cfg = dict(
        type='mmpatchioner.AlphaCLIPCaptioner',
        neck=NECK,
        caption_head={**parts['caption_head'], 'region_feature': feature},
        region_source='regions',
    )
    model = MODELS.build({**cfg, **kwargs}).eval()
    for parameter in model.patch_neck.parameters():
        if parameter.ndim > 1:
            parameter.data.normal_(std=0.2)
    return model


def item(seed=0, **keys) -> dict:
    image = np.random.default_rng(seed).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    results = dict(
        img=image, ori_shape=(HEIGHT, WIDTH), img_shape=(HEIGHT, WIDTH), scale_factor=(1.0, 1.0)
    )
    return PackCaptionInputs()({**AddPatchView(size=84)(results), **keys})


def batch(*items: dict) -> dict:
    return pseudo_collate(list(items))


def sample(mode='squash', size=(100, 100)) -> DetDataSample:
    return DetDataSample(
        metainfo=dict(ori_shape=(200, 400), patch_inputs_shape=size, patch_mode=mode)
    )


def test_masks_are_drawn_on_the_networks_input():
    pixels = torch.zeros(200, 400, dtype=torch.bool)
    pixels[100:, :4] = True
    regions = Regions.from_inputs(
        boxes=[[0, 0, 40, 20], [6, 3, 7, 4], [8, 4, 8, 4]],
        masks=pixels[None],
        points=[[399, 199]],
        traces=[[[0, 0], [1, 1], [200, 100]]],
        region_sets=[[[0, 0, 40, 20], [20, 10, 60, 30]]],
        whole_image=True,
    )
    masks = input_masks(RegionRows.from_entries(regions), sample())
    expected = torch.zeros(8, 100, 100, dtype=torch.bool)
    expected[0, :10, :10] = True  # far ends do not belong to a box
    expected[1, 1:2, 1:2] = True  # a part of a pixel is that pixel
    expected[2, 1:3, 1:3] = True  # a corner of pixels touches all four
    expected[3, 50:, :1] = True
    expected[4, 99, 99] = True
    expected[5, 0, 0] = expected[5, 50, 50] = True
    expected[6, :10, :10] = expected[6, 5:15, 5:15] = True
    expected[7] = True
    assert torch.equal(masks, expected)


def test_masks_of_a_centre_crop():
    regions = Regions.from_inputs(boxes=[[100, 0, 200, 200]])
    masks = input_masks(RegionRows.from_entries(regions), sample('center_crop'))
    assert masks[0, :, :50].all() and not masks[0, :, 50:].any()
    outside = RegionRows.from_entries(Regions.from_inputs(boxes=[[0, 0, 50, 50]]))
    with pytest.raises(RegionError, match=r'boxes\[0\]'):
        input_masks(outside, sample('center_crop'))


@torch.no_grad()
@pytest.mark.parametrize('feature', ['cls', 'patches'])
def test_every_region_is_the_image_seen_with_its_mask(parts, feature):
    model = build(parts, feature)
    regions = Regions.from_inputs(boxes=BOXES, whole_image=True)
    data = item(regions=regions)
    found = model.test_step(batch(data))[0].pred_instances
    assert found.kinds == ['box'] * 4 + ['image']
    meta = data['data_samples'].clone()
    meta.set_metainfo(dict(patch_inputs_shape=(84, 84)))
    vectors = []
    for mask in input_masks(RegionRows.from_entries(regions), meta):
        feats = model.patch_neck.encode_regions(
            data['patch_inputs'][None], mask[None], torch.zeros(1, dtype=torch.long)
        )
        covered = mask.view(6, 14, 6, 14).float().sum(dim=(1, 3)).flatten()
        mean = (covered[:, None] * feats.patches[0]).sum(dim=0) / covered.sum()
        vectors.append(feats.cls[0] if feature == 'cls' else mean)
    head = model.caption_head
    expected = head.decoder.generate(head.bridge(torch.stack(vectors)))
    assert found.captions == expected.texts
    torch.testing.assert_close(found.caption_scores, expected.scores, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found.bboxes[:4], torch.tensor(BOXES))


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
        chunked = build(parts, region_batch=3).test_step(batch(item(regions=regions, seed=seed)))
        alone, whole = chunked[0].pred_instances, together[index].pred_instances
        assert alone.captions == whole.captions
        torch.testing.assert_close(alone.caption_scores, whole.caption_scores, atol=1e-5, rtol=1e-4)


def test_the_released_code_gives_all_regions_of_an_image_one_caption(parts):
    regions = Regions.from_inputs(boxes=BOXES)
    model = build(parts, neck={**NECK, 'compat': 'official'})
    found = model.test_step(batch(item(regions=regions)))[0].pred_instances
    assert len(set(found.captions)) == 1 and found.caption_scores.unique().numel() == 1
    ours = build(parts).test_step(batch(item(regions=regions)))[0].pred_instances
    assert ours.caption_scores.unique().numel() == 4


def test_regions_come_from_every_source(parts):
    masks = torch.zeros(2, HEIGHT, WIDTH, dtype=torch.bool)
    masks[:, :9, :9] = True
    data = item()
    data['data_samples'].proposals = InstanceData(bboxes=torch.tensor(BOXES[:2]), masks=masks)
    model = build(parts, region_source='proposals')
    found = model.test_step(batch(data))[0].pred_instances
    asked = Regions.from_inputs(boxes=BOXES[:2])
    expected = build(parts).test_step(batch(item(regions=asked)))[0].pred_instances
    assert found.captions == expected.captions and torch.equal(found.masks, masks)
    model = build(parts, region_source='patches', proposer=parts['proposer'])
    assert len(model.test_step(batch(item()))[0].pred_instances)


def test_unfit_options_are_named(parts):
    with pytest.raises(ValueError, match=r'model\.region_batch'):
        build(parts, region_batch=0)
    with pytest.raises(ValueError, match="expects 'cls' or 'patches'"):
        build(parts, feature='image')
    with pytest.raises(ValueError, match='got DINOv2Neck, which reads no masks'):
        build(parts, neck=parts['neck'])
