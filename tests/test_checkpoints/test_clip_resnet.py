"""The converter of CLIP's ResNets, on a file of the published layout in small."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

from mmpatchioner.checkpoints import CheckpointError
from mmpatchioner.checkpoints.clip_resnet import clip_resnet_arguments, convert_clip_resnet
from mmpatchioner.models.necks import CLIPResNetNeck
from tests.test_checkpoints.clip_resnet_files import IMAGE, OUT, features, image_tower, text_tower
from tests.test_tools.converting import run


@pytest.fixture
def state():
    torch.manual_seed(0)
    state = {f'visual.{name}': tensor for name, tensor in image_tower().items()}
    state['visual.bn1.num_batches_tracked'] = torch.tensor(7)
    return {**state, **text_tower(), 'logit_scale': torch.tensor(4.6)}


def test_a_converted_tower_gives_the_same(state, tmp_path, capsys):
    save_file(state, tmp_path / 'open_clip_model.safetensors')
    out = tmp_path / 'clip.safetensors'
    assert run('clip_resnet_to_mmpatchioner', tmp_path / 'open_clip_model.safetensors', out) == 0
    report = capsys.readouterr().out
    assert all(name in report for name in state)
    converted = convert_clip_resnet(tmp_path / 'open_clip_model.safetensors')
    config = clip_resnet_arguments(converted)
    assert config == IMAGE
    init_cfg = dict(type='Pretrained', checkpoint=str(out))
    neck = CLIPResNetNeck(dict(config=config), init_cfg=init_cfg)
    neck.init_weights()
    images = torch.randn(2, 3, 96, 96)
    found = neck(images)
    assert found.grid == (3, 3)
    # CLIP's own vector of an image is the query of the mean.
    tower = {name.removeprefix('visual.'): tensor for name, tensor in state.items()}
    flat = features(tower, images).flatten(2).permute(2, 0, 1)
    tokens = torch.cat([flat.mean(dim=0, keepdim=True), flat])
    tokens = tokens + tower['attnpool.positional_embedding'][:, None]
    weights = {letter: tower[f'attnpool.{letter}_proj.weight'] for letter in 'qkvc'}
    biases = {letter: tower[f'attnpool.{letter}_proj.bias'] for letter in 'qkvc'}
    expected, _ = F.multi_head_attention_forward(
        query=tokens[:1],
        key=tokens,
        value=tokens,
        embed_dim_to_check=tokens.shape[-1],
        num_heads=tokens.shape[-1] // 64,
        q_proj_weight=weights['q'],
        k_proj_weight=weights['k'],
        v_proj_weight=weights['v'],
        in_proj_weight=None,
        in_proj_bias=torch.cat([biases[letter] for letter in 'qkv']),
        bias_k=None,
        bias_v=None,
        add_zero_attn=False,
        dropout_p=0.0,
        out_proj_weight=weights['c'],
        out_proj_bias=biases['c'],
        use_separate_proj_weight=True,
        training=False,
        need_weights=False,
    )
    torch.testing.assert_close(found.cls, F.normalize(expected[0], dim=1), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'visual.layer1.0.conv1.weight': None}, r'missing: layer1\.0\.conv1\.weight'),
        ({'visual.more.weight': torch.zeros(2)}, r'unknown: more\.weight'),
        ({'visual.attnpool.c_proj.bias': torch.zeros(OUT + 1)}, 'c_proj.bias: expected'),
        ({'decoder.weight': torch.zeros(2)}, r"others too: \['decoder'\]"),
    ],
)
def test_unfit_files_are_refused(state, tmp_path, change, message):
    content = {name: tensor for name, tensor in (state | change).items() if tensor is not None}
    save_file(content, tmp_path / 'bad.safetensors')
    with pytest.raises(CheckpointError, match=message):
        convert_clip_resnet(tmp_path / 'bad.safetensors')
    out = tmp_path / 'out.safetensors'
    assert run('clip_resnet_to_mmpatchioner', tmp_path / 'bad.safetensors', out) == 2
    assert not out.exists()


def test_a_vit_is_refused(tmp_path):
    save_file({'visual.proj': torch.zeros(4, 4)}, tmp_path / 'vit.safetensors')
    with pytest.raises(CheckpointError, match="the tensors of CLIP's ResNet under `visual.`"):
        convert_clip_resnet(tmp_path / 'vit.safetensors')
