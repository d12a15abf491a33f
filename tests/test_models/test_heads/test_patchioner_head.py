import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData

from mmpatchioner.models.heads.ranking import Ranking
from mmpatchioner.models.heads.region_rows import RegionRows
from mmpatchioner.models.necks import PatchFeatures
from mmpatchioner.regions import RegionError, Regions, region_weights
from mmpatchioner.registry import MODELS

SIZE = (60, 84)  # height, width of the original images


def build(parts, **kwargs):
    torch.manual_seed(0)
    return MODELS.build({**parts['caption_head'], **kwargs}).eval()


def features(batch=2, side=6, dims=32) -> PatchFeatures:
    generator = torch.Generator().manual_seed(1)
    patches = torch.randn(batch, side * side, dims, generator=generator)
    logits = torch.randn(batch, 2, side * side, generator=generator)
    return PatchFeatures(patches, (side, side), head_logits_fn=lambda: logits)


def samples(batch=2) -> list[DetDataSample]:
    meta = dict(
        ori_shape=SIZE, scale_factor=(2.0, 0.5), patch_inputs_shape=(84, 84), patch_mode='squash'
    )
    return [DetDataSample(metainfo=meta) for _ in range(batch)]


BOXES = [[0, 0, 20, 30], [30, 10, 84, 60], [5, 5, 6, 6]]


def test_every_kind_of_region_of_every_image_is_captioned_in_order(parts):
    head = build(parts)
    mixed = Regions.from_inputs(
        boxes=BOXES,
        points=[[1, 1]],
        traces=[[[1, 1], [80, 50]]],
        region_sets=[BOXES],
        whole_image=True,
    )
    first, second = head.predict(
        features(), [mixed, Regions.from_inputs(boxes=BOXES[:1])], samples()
    )
    assert first.kinds == ['box', 'box', 'box', 'point', 'trace', 'set', 'image']
    assert len(first.captions) == len(first) == 7 and len(second) == 1
    assert first.caption_scores.isfinite().all() and (first.caption_scores <= 0).all()
    assert first.scores.isnan().all() and (first.labels == -1).all()
    torch.testing.assert_close(first.bboxes[:3], torch.tensor(BOXES).float())
    assert first.bboxes[-1].tolist() == [0, 0, 84, 60]


def test_the_head_is_weights_then_bridge_then_decoder(parts):
    head, feats = build(parts), features(1)
    regions = Regions.from_inputs(boxes=BOXES)
    sample = samples(1)[0]
    result = head.predict(feats, [regions], [sample])[0]
    from mmpatchioner.models.heads import patch_grid

    pooled = region_weights(regions, patch_grid(feats, sample)) @ feats.patches[0]
    expected = head.decoder.generate(head.bridge(pooled))
    assert result.captions == expected.texts
    torch.testing.assert_close(result.caption_scores, expected.scores)


def test_captions_do_not_depend_on_batch_order_or_chunks(parts):
    feats, boxes = features(2), Regions.from_inputs(boxes=BOXES)
    together = build(parts).predict(feats, [boxes, boxes], samples())
    chunked = build(parts, decode_batch=2).predict(feats, [boxes, boxes], samples())
    swapped = build(parts).predict(
        feats, [Regions.from_inputs(boxes=BOXES[::-1]), boxes], samples()
    )[0]
    second = PatchFeatures(feats.patches[1:], feats.grid)
    alone = build(parts).predict(second, [boxes], samples(1))[0]
    assert together[0].captions == swapped.captions[::-1]
    assert together[1].captions == alone.captions
    for one, other in zip(together, chunked, strict=True):
        assert one.captions == other.captions
        torch.testing.assert_close(one.caption_scores, other.caption_scores, atol=1e-5, rtol=1e-5)


def test_detections_keep_their_fields_and_are_not_modified(parts):
    given = InstanceData(
        bboxes=torch.tensor(BOXES).float(),
        scores=torch.tensor([0.9, 0.5, 0.1]),
        labels=torch.tensor([3, 1, 2]),
    )
    before = given.bboxes.clone()
    result = build(parts).predict(features(1), [given], samples(1))[0]
    assert result.labels.tolist() == [3, 1, 2]
    torch.testing.assert_close(result.scores, given.scores)
    torch.testing.assert_close(given.bboxes, before)
    assert 'captions' not in given


def test_masks_are_pooled_when_given_and_empty_ones_fall_back_to_their_box(parts):
    head, feats = build(parts), features(1)
    masks = torch.zeros(3, *SIZE, dtype=torch.bool)
    masks[0, 40:, 60:] = True  # elsewhere than box 0
    masks[2, 5:6, 5:6] = True
    boxes = torch.tensor(BOXES).float()
    result = head.predict(feats, [InstanceData(bboxes=boxes, masks=masks)], samples(1))[0]
    masked = head.predict(feats, [Regions.from_inputs(masks=masks[[0, 2]])], samples(1))[0]
    boxed = head.predict(feats, [Regions.from_inputs(boxes=BOXES)], samples(1))[0]
    torch.testing.assert_close(result.caption_scores[[0, 2]], masked.caption_scores)
    torch.testing.assert_close(result.caption_scores[1], boxed.caption_scores[1])
    assert result.kinds == ['mask', 'box', 'mask']


def test_regions_asked_and_regions_found_are_joined(parts):
    found = InstanceData(bboxes=torch.tensor(BOXES[:2]).float(), scores=torch.tensor([0.4, 0.3]))
    asked = Regions.from_inputs(points=[[1, 1]])
    result = build(parts).predict(features(1), [[asked, found]], samples(1))[0]
    assert result.kinds == ['point', 'box', 'box']
    assert result.scores[0].isnan() and result.scores[1:].tolist() == pytest.approx([0.4, 0.3])


def test_masks_of_detections_stay_when_they_are_mixed_with_other_regions(parts):
    masks = torch.zeros(2, *SIZE, dtype=torch.bool)
    masks[0, :20, :20] = True
    masks[1, 30:, 40:] = True
    found = InstanceData(bboxes=torch.tensor(BOXES[:2]).float(), masks=masks)
    asked = Regions.from_inputs(points=[[1, 1]])
    result = build(parts).predict(features(1), [[asked, found]], samples(1))[0]
    assert result.kinds == ['point', 'mask', 'mask']
    assert not result.masks[0].any() and (result.masks[1:] == masks).all()


def test_autocast_around_the_head_changes_nothing(parts):
    feats, regions = features(1), [Regions.from_inputs(boxes=BOXES)]
    plain = build(parts).predict(feats, regions, samples(1))[0]
    with torch.autocast('cpu', torch.bfloat16):
        inside = build(parts).predict(feats, regions, samples(1))[0]
    assert inside.captions == plain.captions
    assert (inside.caption_scores == plain.caption_scores).all()


def test_no_region_is_an_empty_result(parts):
    first, second = build(parts).predict(
        features(), [Regions.from_inputs(boxes=[]), Regions.from_inputs(boxes=BOXES)], samples()
    )
    assert len(first.captions) == 0 and first.bboxes.shape == (0, 4)
    assert len(second.captions) == 3
    nothing = build(parts).predict(
        features(1), [InstanceData(bboxes=torch.zeros(0, 4))], samples(1)
    )[0]
    assert nothing.captions == []


@pytest.mark.parametrize(
    'mode', ['caption', 'sequence', 'official', 'constant', 'detection', 'product']
)
def test_ranking_scores(parts, mode):
    scores = torch.tensor([0.9, 0.5, 0.1])
    given = InstanceData(bboxes=torch.tensor(BOXES).float(), scores=scores)
    head, feats = build(parts, score_mode=mode), features(1)
    result = head.predict(feats, [given], samples(1))[0]
    vectors = head.pool(feats, [RegionRows.from_entries(given)], samples(1))[0]
    decoded = head.decoder.generate(head.bridge(vectors), official_scores=True)
    expected = {
        'caption': decoded.scores,
        'sequence': decoded.token_log_probs.sum(dim=1).exp(),
        'official': decoded.official_scores,
        'constant': torch.ones(3),
        'detection': scores,
        'product': scores * decoded.scores.exp(),
    }[mode]
    torch.testing.assert_close(result.ranking_scores, expected, atol=0, rtol=1e-4)
    torch.testing.assert_close(result.caption_scores, decoded.scores)


def test_official_ranks_as_the_released_code_unless_told_otherwise(parts):
    assert build(parts).ranking.mode == 'caption'
    assert build(parts, compat='official').ranking.mode == 'official'
    assert build(parts, compat='official', score_mode='constant').ranking.mode == 'constant'


def test_a_decoder_without_the_released_score_is_named(parts):
    captions = build(parts).decoder.generate(torch.randn(1, 32))
    with pytest.raises(ValueError, match='gives `official_scores`'):
        Ranking('official').of_captions(captions)


@pytest.mark.parametrize('feature', ['image', 'cls'])
def test_whole_image_captions_are_decoded_once_and_repeated(parts, feature, monkeypatch):
    head, plain = build(parts, region_feature=feature), features()
    feats = PatchFeatures(plain.patches, plain.grid, cls=torch.randn(2, 32))
    calls, generate = [], head.decoder.generate
    monkeypatch.setattr(head.decoder, 'generate', lambda z: calls.append(len(z)) or generate(z))
    found = InstanceData(bboxes=torch.tensor(BOXES).float(), scores=torch.tensor([0.9, 0.5, 0.1]))
    asked = Regions.from_inputs(points=[[1, 1]], whole_image=True)
    first, second = head.predict(feats, [[asked, found], found], samples())
    assert calls == [2]
    assert first.kinds == ['point', 'image', 'box', 'box', 'box']
    torch.testing.assert_close(second.bboxes, found.bboxes)
    torch.testing.assert_close(second.scores, found.scores)
    vectors = plain.patches.mean(dim=1) if feature == 'image' else feats.cls
    expected = generate(head.bridge(vectors))
    assert first.captions == expected.texts[:1] * 5 and second.captions == expected.texts[1:] * 3
    torch.testing.assert_close(second.caption_scores, expected.scores[1:].expand(3))


def test_a_whole_image_has_the_caption_of_its_image_feature(parts):
    identity = dict(type='mmpatchioner.IdentityBridge')
    regions = [Regions.from_inputs(boxes=BOXES), Regions.from_inputs(whole_image=True)]
    for options in ({}, {'compat': 'official'}, {'image_bridge': identity, 'context': 0.5}):
        whole = build(parts, **options).predict(features(), regions, samples())[1]
        shared = build(parts, region_feature='image', **options).predict(
            features(), regions, samples()
        )[1]
        assert whole.captions == shared.captions
        torch.testing.assert_close(whole.caption_scores, shared.caption_scores)


def test_a_neck_without_a_class_token_says_so(parts):
    with pytest.raises(ValueError, match='class token'):
        build(parts, region_feature='cls').predict(
            features(1), [Regions.from_inputs(boxes=BOXES)], samples(1)
        )


def test_official_differs_from_the_paper_where_the_released_code_does(parts):
    feats = features(1)
    region_set = Regions.from_inputs(region_sets=[BOXES], whole_image=True)
    paper, official = build(parts), build(parts, compat='official')
    rows = [RegionRows.from_entries(region_set)]
    ours, theirs = (head.pool(feats, rows, samples(1))[0] for head in (paper, official))
    assert not torch.allclose(ours[0], theirs[0], atol=1e-3)  # box means instead of Eq. (1)
    assert not torch.allclose(ours[1], theirs[1], atol=1e-3)  # gaussian instead of mean
    torch.testing.assert_close(ours[1], feats.patches[0].mean(dim=0), atol=1e-5, rtol=1e-5)
    identity = build(parts, compat='official', bridge=dict(type='mmpatchioner.IdentityBridge'))
    assert identity.bridge.normalize is False


def test_a_bridge_has_settings_of_the_released_code_beside_its_own(parts):
    bridge = dict(parts['caption_head']['bridge'], rows='unit', official=dict(normalize=False))
    paper = build(parts, bridge=bridge, image_bridge=bridge)
    official = build(parts, bridge=bridge, image_bridge=bridge, compat='official')
    assert paper.bridge.normalize and paper.image_bridge.normalize
    assert not official.bridge.normalize and not official.image_bridge.normalize
    assert paper.bridge.rows == official.bridge.rows == 'unit'
    assert bridge['official'] == {'normalize': False}


def test_attention_weights_use_the_heads_of_the_released_code_only_in_official(parts):
    feats, region = features(1), Regions.from_inputs(whole_image=True)
    rows = [RegionRows.from_entries(region)]
    for compat in (None, 'official'):
        pooling = dict(image_weighting='attention', row_sums='one')
        head = build(parts, compat=compat, pooling=pooling)
        expected = feats.attention(compat == 'official')[0] @ feats.patches[0]
        torch.testing.assert_close(
            head.pool(feats, rows, samples(1))[0][0], expected, atol=1e-5, rtol=1e-4
        )


def test_whole_images_may_have_a_bridge_of_their_own(parts):
    regions = Regions.from_inputs(boxes=BOXES, whole_image=True)
    identity = dict(type='mmpatchioner.IdentityBridge')
    both = build(parts, image_bridge=identity).predict(features(1), [regions], samples(1))[0]
    memory = build(parts).predict(features(1), [regions], samples(1))[0]
    plain = build(parts, bridge=identity).predict(features(1), [regions], samples(1))[0]
    torch.testing.assert_close(both.caption_scores[:3], memory.caption_scores[:3])
    torch.testing.assert_close(both.caption_scores[3], plain.caption_scores[3])
    assert not torch.allclose(both.caption_scores[3], memory.caption_scores[3])


def test_context_takes_a_share_of_the_image_mean_away(parts):
    feats, rows = features(1), [RegionRows.from_entries(Regions.from_inputs(boxes=BOXES))]
    plain = build(parts).pool(feats, rows, samples(1))[0]
    context = build(parts, context=0.4).pool(feats, rows, samples(1))[0]
    torch.testing.assert_close(
        context, plain - 0.4 * feats.patches[0].mean(dim=0), atol=1e-5, rtol=1e-5
    )


def test_without_rescale_boxes_are_in_the_pixels_of_the_detector(parts):
    regions = [Regions.from_inputs(boxes=BOXES)]
    result = build(parts).predict(features(1), regions, samples(1), rescale=False)[0]
    torch.testing.assert_close(
        result.bboxes, torch.tensor(BOXES).float() * torch.tensor([2, 0.5, 2, 0.5])
    )


def test_a_region_off_the_image_is_refused_by_name(parts):
    with pytest.raises(RegionError, match=r'boxes\[0\]'):
        build(parts).predict(
            features(1), [Regions.from_inputs(boxes=[[100, 0, 120, 30]])], samples(1)
        )


@pytest.mark.parametrize(
    ('kwargs', 'message'),
    [
        ({'score_mode': 'best'}, 'score_mode'),
        ({'region_feature': 'crops'}, 'region_feature'),
        ({'compat': 'v1'}, 'compat'),
        ({'context': 1.0}, 'context'),
    ],
)
def test_unknown_options_are_refused(parts, kwargs, message):
    with pytest.raises(ValueError, match=message):
        build(parts, **kwargs)


def test_loss_is_the_decoders(parts):
    head = build(parts)
    embeddings = torch.nn.functional.normalize(torch.randn(2, 32), dim=1)
    captions = ['a red car', 'the blue sky']
    torch.testing.assert_close(
        head.loss(embeddings, captions)['loss'], head.decoder.loss(embeddings, captions)['loss']
    )
