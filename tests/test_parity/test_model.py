"""The whole model, from images to captions, against the released code."""

from __future__ import annotations

import pytest
import torch
from mmdet.structures import DetDataSample

from mmpatchioner.checkpoints import Memory
from mmpatchioner.models.heads.region_rows import RegionRows
from mmpatchioner.regions import Regions
from mmpatchioner.registry import MODELS
from tests.test_parity.published import (
    assert_same_scores,
    decap_checkpoint,
    decap_decoder,
    load_dinov2,
)

SIDE, PATCH = 70, 14


@pytest.fixture(scope='module')
def record(recorded):
    return recorded('model')


@pytest.fixture(scope='module')
def features(record):
    weights = record.part('backbone.')
    sizes = dict(
        hidden_size=weights['norm.weight'].numel(),
        num_hidden_layers=2,
        num_attention_heads=record.values['heads'],
        mlp_ratio=1,
        image_size=SIDE,
        patch_size=PATCH,
    )
    neck = MODELS.build(
        dict(type='mmpatchioner.DINOv2Neck', backbone=dict(config=sizes, registers=4))
    )
    load_dinov2(neck.backbone, weights)
    return neck(record.tensors['images'])


@pytest.fixture(scope='module')
def parts(record, tmp_path_factory):
    """Configs of the bridge with a memory and of the decoder."""
    folder = tmp_path_factory.mktemp('model')
    checkpoint = decap_checkpoint(record.part('decoder.'), folder)
    memory = Memory.from_rows(record.tensors['memory'])
    return {
        'bridge': dict(type='mmpatchioner.MemoryBridge', memory=memory),
        'decoder': decap_decoder(checkpoint, record.values['tokens'], folder),
    }


@pytest.fixture(scope='module')
def samples(record):
    meta = dict(
        ori_shape=(SIDE, SIDE),
        patch_inputs_shape=(SIDE, SIDE),
        patch_mode='squash',
        scale_factor=(1, 1),
    )
    return [DetDataSample(metainfo=meta) for _ in record.tensors['images']]


@pytest.fixture(scope='module')
def caption(features, parts, samples):
    """Captions and scores of one region list an image."""

    def run(regions, bridge=parts['bridge'], **options):
        head = MODELS.build(
            dict(
                type='mmpatchioner.PatchionerHead',
                bridge=bridge,
                decoder=parts['decoder'],
                **{'compat': 'official', **options},
            )
        )
        head.decoder.init_weights()
        results = head.predict(features, regions, samples)
        texts = [result.captions for result in results]
        return texts, torch.stack([result.ranking_scores for result in results])

    return run


NO_MEMORY = dict(type='mmpatchioner.IdentityBridge')


def boxes_of(record):
    return [Regions.from_inputs(boxes=boxes) for boxes in record.tensors['boxes']]


def test_patches(record, features):
    torch.testing.assert_close(features.patches, record.tensors['patches'], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize('memory', ['with_memory', 'without_memory'])
@pytest.mark.parametrize(
    ('name', 'weighting'),
    [('boxes', 'uniform'), ('boxes_gaussian', 'gaussian'), ('boxes_attention', 'attention')],
)
def test_boxes(record, caption, memory, name, weighting):
    bridge = {} if memory == 'with_memory' else {'bridge': NO_MEMORY}
    texts, scores = caption(boxes_of(record), pooling=dict(weighting=weighting), **bridge)
    expected = record.values[memory][name]
    assert texts == expected['captions']
    assert_same_scores(scores, torch.tensor(expected['scores']))


@pytest.mark.parametrize('memory', ['with_memory', 'without_memory'])
def test_sets_and_images(record, caption, memory):
    bridge = {} if memory == 'with_memory' else {'bridge': NO_MEMORY}
    expected = record.values[memory]
    sets = [Regions.from_inputs(region_sets=[boxes]) for boxes in record.tensors['boxes']]
    assert caption(sets, **bridge)[0] == [[text] for text in expected['set']]
    images = [Regions(whole_image=True)] * len(sets)
    assert caption(images, **bridge)[0] == [[text] for text in expected['image']]
    classes = caption(images, region_feature='cls', **bridge)[0]
    assert classes == [[text] for text in expected['cls']]


@pytest.mark.parametrize('memory', ['with_memory', 'without_memory'])
def test_traces_and_attention(record, caption, memory):
    bridge = {} if memory == 'with_memory' else {'bridge': NO_MEMORY}
    expected = record.values[memory]
    attention = dict(weighting='attention', image_weighting='attention')
    images = [Regions(whole_image=True)] * len(record.tensors['images'])
    traces = [Regions.from_inputs(traces=[points * SIDE]) for points in record.tensors['points']]
    for regions, pooling, name in [
        (images, attention, 'image_attention'),
        (traces, {}, 'trace'),
        (traces, attention, 'trace_attention'),
    ]:
        texts = caption(regions, pooling=pooling, **bridge)[0]
        assert texts == [[text] for text in expected[name]]


def test_default_vectors_have_the_length_of_training(record, features, parts, samples):
    # Without a memory the released code hands over vectors of any length: traces are shorter by patches / points.
    config = dict(type='mmpatchioner.PatchionerHead', bridge=NO_MEMORY, decoder=parts['decoder'])
    default, official = (
        MODELS.build({**config, 'compat': compat}) for compat in (None, 'official')
    )
    traces = [Regions.from_inputs(traces=[points * SIDE]) for points in record.tensors['points']]
    rows = [RegionRows.from_entries(regions) for regions in traces]
    ours = torch.cat(default.pool(features, rows, samples))
    theirs = torch.cat(official.pool(features, rows, samples))
    points, patches = record.tensors['points'].shape[1], features.patches.shape[1]
    torch.testing.assert_close(theirs, ours * points / patches, atol=1e-5, rtol=1e-5)
    lengths = default.bridge(ours).norm(dim=1)
    torch.testing.assert_close(lengths, torch.ones_like(lengths))
    torch.testing.assert_close(official.bridge(theirs), theirs)


def test_default_differs(record, caption):
    texts, _ = caption(boxes_of(record), compat=None)
    assert texts != record.values['with_memory']['boxes']['captions']


def test_boxes_do_not_depend_on_what_else_is_asked(record, caption):
    # With one image in the batch the released code captions boxes by patches that other captions have normalised.
    faults = record.values['faults']
    assert faults['boxes_alone']['captions'] != faults['boxes_beside_patches']['captions']
    beside = [
        Regions.from_inputs(boxes=boxes, points=[[1, 1], [40, 40]], whole_image=True)
        for boxes in record.tensors['boxes']
    ]
    texts = [image[:4] for image in caption(beside)[0]]
    assert texts == record.values['with_memory']['boxes']['captions']
    assert texts[:1] == faults['boxes_alone']['captions']


def test_registers_of_a_batch(record, features):
    assert 'view size is not compatible' in record.values['faults']['registers_of_two_images']
    assert features.registers.shape[:2] == (2, 4)
    assert features.registers.flatten(0, 1).shape[0] == 8
