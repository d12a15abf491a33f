"""RegionCLIP's converter, on files of the published layout in small."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mmpatchioner.checkpoints import CheckpointError, load_metadata
from mmpatchioner.checkpoints.regionclip import convert_image_tower, convert_text_tower
from mmpatchioner.models.necks import RegionCLIPNeck
from mmpatchioner.models.text_encoders import CLIPTextTower
from tests.test_checkpoints.clip_resnet_files import (
    IMAGE,
    OUT,
    TEXT,
    TEXT_HEADS,
    TEXT_LAYERS,
    TEXT_WIDTH,
    VOCABULARY,
    features,
    image_tower,
    text_tower,
)
from tests.test_tools.converting import run


@pytest.fixture
def state() -> dict[str, Tensor]:
    """The tensors of a published file, those that are left out among them."""
    torch.manual_seed(0)
    state = {f'backbone.{name}': tensor for name, tensor in image_tower().items()}
    state |= {f'lang_encoder.{name}': tensor for name, tensor in text_tower().items()}
    state['offline_backbone.res2.0.conv1.weight'] = torch.randn(2, 2, 1, 1)
    state['teacher_backbone.conv1.weight'] = torch.randn(2, 3, 3, 3)
    state['roi_heads.box_predictor.cls_score.weight'] = torch.randn(5, OUT)
    return state


def text_vector(state: dict[str, Tensor], ids: Tensor) -> Tensor:
    """CLIP's vector of a text whose end is the last token, over the published names."""

    def run_norm(x: Tensor, name: str) -> Tensor:
        return F.layer_norm(x, (TEXT_WIDTH,), state[f'{name}.weight'], state[f'{name}.bias'])

    def run_linear(x: Tensor, name: str) -> Tensor:
        return x @ state[f'{name}weight'].T + state[f'{name}bias']

    x = state['token_embedding.weight'][ids] + state['positional_embedding'][: len(ids)]
    future = torch.ones(len(ids), len(ids)).triu(1).bool()
    for index in range(TEXT_LAYERS):
        block = f'transformer.resblocks.{index}'
        qkv = run_linear(run_norm(x, f'{block}.ln_1'), f'{block}.attn.in_proj_').chunk(3, dim=-1)
        q, k, v = (part.unflatten(-1, (TEXT_HEADS, -1)).transpose(0, 1) for part in qkv)
        logits = q @ k.transpose(1, 2) * (TEXT_WIDTH // TEXT_HEADS) ** -0.5
        weights = logits.masked_fill(future, -torch.inf).softmax(dim=-1)
        x = x + run_linear((weights @ v).transpose(0, 1).flatten(1), f'{block}.attn.out_proj.')
        hidden = run_linear(run_norm(x, f'{block}.ln_2'), f'{block}.mlp.c_fc.')
        x = x + run_linear(hidden * torch.sigmoid(1.702 * hidden), f'{block}.mlp.c_proj.')
    return run_norm(x[-1], 'ln_final') @ state['text_projection']


@torch.no_grad()
@pytest.mark.parametrize('wrapped', [False, True])
def test_converted_towers_give_the_same(state, tmp_path, capsys, wrapped):
    source = tmp_path / 'regionclip_pretrained-cc_rn50.pth'
    out, text_out = tmp_path / 'image.safetensors', tmp_path / 'text.safetensors'
    torch.save({'model': state, 'iteration': 7} if wrapped else state, source)
    assert run('regionclip_to_mmpatchioner', source, out, '--text-out', text_out) == 0

    init_cfg = dict(type='Pretrained', checkpoint=str(out))
    neck = RegionCLIPNeck(backbone=dict(config=IMAGE), init_cfg=init_cfg)
    neck.init_weights()
    images = torch.randn(2, 3, 96, 64)
    plain = {n.removeprefix('backbone.'): t for n, t in state.items() if n.startswith('backbone.')}
    expected = features(plain, images)
    torch.testing.assert_close(neck.backbone(images), expected, atol=1e-4, rtol=1e-4)
    table = neck.backbone.attnpool.positional_embedding
    torch.testing.assert_close(table, plain['attnpool.positional_embedding'])

    tower = CLIPTextTower(TEXT, dict(type='Pretrained', checkpoint=str(text_out))).eval()
    tower.init_weights()
    text = {n.removeprefix('lang_encoder.'): t for n, t in state.items() if n.startswith('lang')}
    ids = torch.randint(VOCABULARY, (2, 7))
    found = tower(ids, torch.tensor([6, 3]))
    torch.testing.assert_close(found[0], text_vector(text, ids[0]), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found[1], text_vector(text, ids[1, :4]), atol=1e-4, rtol=1e-4)

    printed = capsys.readouterr().out
    for note in ('teacher of the training', 'heads of the detector', 'the other tower'):
        assert note in printed
    assert 'mmpatchioner.RegionCLIPNeck' in printed
    assert 'mmpatchioner.RegionCLIPTextEncoder' in printed
    assert load_metadata(text_out)['converted_from'] == source.name


def test_every_tensor_is_in_the_report(state, tmp_path):
    source = tmp_path / 'file.pth'
    state['backbone.bn1.num_batches_tracked'] = torch.tensor(3)
    torch.save(state, source)
    for converted in (convert_image_tower(source), convert_text_tower(source)):
        assert {move.source for move in converted.moves} == set(state)
        kept = [move.target for move in converted.moves if move.target is not None]
        assert sorted(kept) == sorted(converted.tensors)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda s: s.update({'rpn.weight': torch.zeros(1)}), r"got others too: \['rpn'\]"),
        (lambda s: s.pop('backbone.layer1.1.bn2.running_var'), 'missing: layer1.1.bn2.running_var'),
        (lambda s: s.pop('backbone.attnpool.positional_embedding'), 'missing: attnpool.pos'),
        (lambda s: s.update({'backbone.fc.bias': torch.zeros(1)}), 'unknown: fc.bias'),
        (
            lambda s: s.update({'backbone.layer2.0.downsample.0.weight': torch.zeros(3)}),
            r'layer2\.0\.downsample\.0\.weight: expected \(32, 16, 1, 1\), got \(3,\)',
        ),
        (
            lambda s: [s.pop(name) for name in list(s) if name.startswith('backbone.layer3')],
            r'missing: layer3\.0\.bn1\.bias',
        ),
        (
            lambda s: [s.pop(name) for name in list(s) if name.startswith('backbone.')],
            r'expected tensors under `backbone\.`',
        ),
    ],
)
def test_unfit_image_towers_are_refused(state, tmp_path, capsys, change, message):
    change(state)
    torch.save(state, tmp_path / 'file.pth')
    with pytest.raises(CheckpointError, match=message):
        convert_image_tower(tmp_path / 'file.pth')
    out = tmp_path / 'out.safetensors'
    assert run('regionclip_to_mmpatchioner', tmp_path / 'file.pth', out) == 2
    assert capsys.readouterr().err.count('\n') == 1 and not out.exists()


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda s: s.pop('lang_encoder.token_embedding.weight'), 'token_embedding'),
        (lambda s: s.pop('lang_encoder.text_projection'), 'missing: text_projection'),
        (lambda s: s.update({'lang_encoder.logit_scale': torch.zeros(1)}), 'unknown: logit_scale'),
        (
            lambda s: s.update({'lang_encoder.ln_final.bias': torch.full((32,), torch.inf)}),
            'expected finite numbers',
        ),
    ],
)
def test_unfit_text_towers_are_refused(state, tmp_path, change, message):
    change(state)
    torch.save(state, tmp_path / 'file.pth')
    with pytest.raises(CheckpointError, match=message):
        convert_text_tower(tmp_path / 'file.pth')
