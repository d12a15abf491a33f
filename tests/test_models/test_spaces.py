"""Parts of different spaces do not make a captioner."""

from __future__ import annotations

import pytest
import torch
from tiny_captioner import tiny_config, tiny_prefix_decoder

from mmpatchioner.apis import CaptionInferencer
from mmpatchioner.checkpoints import CheckpointError, Memory, save_memory, save_safetensors
from mmpatchioner.models.decoders.meacap import CaptionRetrieval
from mmpatchioner.models.spaces import check_spaces
from mmpatchioner.registry import MODELS


@pytest.fixture
def config(tmp_path):
    """A config whose files are of the spaces asked for; None writes no name."""

    def make(transform=None, memory=None, decoder=None, image_memory=None, width=32):
        def metadata(space):
            return {} if space is None else {'space': space}

        def bridge(space, name):
            rows = torch.randn(4, width, generator=torch.Generator().manual_seed(0))
            save_memory(tmp_path / name, rows, metadata=metadata(space))
            return dict(type='mmpatchioner.MemoryBridge', memory=str(tmp_path / name))

        decoder_cfg = tiny_prefix_decoder(tmp_path)
        weights = tmp_path / 'decoder.safetensors'
        save_safetensors(MODELS.build(decoder_cfg).state_dict(), weights, metadata(decoder))
        decoder_cfg['init_cfg'] = dict(type='Pretrained', checkpoint=str(weights))
        cfg = tiny_config(decoder_cfg)
        cfg.model.caption_head.bridge = bridge(memory, 'memory.safetensors')
        if image_memory:
            cfg.model.caption_head.image_bridge = bridge(image_memory, 'images.safetensors')
        path = tmp_path / 'transform.safetensors'
        identity = {'mean': torch.zeros(32), 'whiten': torch.eye(32)}
        save_safetensors(identity, path, metadata(transform))
        cfg.model.neck.feature_transform = str(path)
        return cfg

    return make


@pytest.mark.parametrize(
    'spaces',
    [
        {},
        dict(memory='a'),
        dict(memory='a', decoder='a', transform='a', image_memory='a'),
    ],
    ids=str,
)
def test_parts_of_one_space_or_without_a_name_are_taken(config, spaces):
    CaptionInferencer(config(**spaces), device='cpu')


@pytest.mark.parametrize(
    ('spaces', 'first', 'second'),
    [
        (dict(memory='b', decoder='a'), 'caption_head.bridge', 'caption_head.decoder'),
        (dict(transform='b', memory='a'), 'neck.feature_transform', 'caption_head.bridge'),
        (dict(transform='b', decoder='a'), 'neck.feature_transform', 'caption_head.decoder'),
        (dict(memory='b', image_memory='a'), 'caption_head.bridge', 'caption_head.image_bridge'),
        (dict(image_memory='b', decoder='a'), 'caption_head.image_bridge', 'caption_head.decoder'),
    ],
    ids=str,
)
def test_parts_of_different_spaces_are_refused(config, spaces, first, second):
    with pytest.raises(CheckpointError) as error:
        CaptionInferencer(config(**spaces), device='cpu')
    assert f"model: {first} is of the space 'b' and {second} of 'a'" in str(error.value)
    assert 'tools/build_memory.py' in str(error.value)


def test_what_a_decoder_is_prompted_with_is_of_its_space(config):
    captioner = CaptionInferencer(config(memory='a', decoder='a'), device='cpu').model
    names = Memory.from_rows(torch.eye(32)[:2], ['cat', 'dog'], {'space': 'b'})
    captioner.caption_head.decoder.hard_prompt = CaptionRetrieval(names, num_captions=1)
    message = r"decoder is of the space 'a' and caption_head\.decoder\.hard_prompt of 'b'"
    with pytest.raises(CheckpointError, match=message):
        check_spaces(captioner)


def test_a_memory_of_another_width_is_refused_before_an_image_is_seen(config):
    message = r'neck has vectors of width 32 and caption_head\.bridge of 24'
    with pytest.raises(CheckpointError, match=message):
        CaptionInferencer(config(width=24), device='cpu')


def test_the_packaged_model_names_one_space_everywhere():
    model = CaptionInferencer('mini', device='cpu').model
    spaces = {
        model.patch_neck.transform.space,
        model.caption_head.bridge.space,
        model.caption_head.image_bridge.space,
        model.caption_head.decoder.space,
    }
    assert spaces == {'mini-dinov2-s14'}


@pytest.mark.parametrize(('feature', 'half'), [('patches', ''), ('cls', '_class')])
def test_texts_of_dinotxt_belong_to_patches_or_to_the_class_token(config, feature, half):
    neck = dict(
        type='mmpatchioner.DINOTxtNeck',
        backbone=dict(config=dict(hidden_size=32, num_hidden_layers=1, num_attention_heads=2)),
    )
    for end in ('', '_class'):
        cfg = config(memory=f'dinotxt{end}', decoder=f'dinotxt{end}')
        cfg.model.neck = neck
        cfg.model.caption_head.region_feature = feature
        model = MODELS.build(cfg.model)
        model.init_weights()
        if end == half:
            check_spaces(model)
            continue
        with pytest.raises(CheckpointError, match=f'region_feature={feature!r}; build it with'):
            check_spaces(model)
