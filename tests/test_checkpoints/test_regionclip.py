"""RegionCLIP's converter, on files of the published layout in small."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mmpatchioner.checkpoints import CheckpointError, load_metadata
from mmpatchioner.checkpoints.regionclip import convert_image_tower, convert_text_tower
from mmpatchioner.models.necks import RegionCLIPNeck
from mmpatchioner.models.text_encoders import CLIPTextTower
from tests.test_tools.converting import run

LAYERS, WIDTH, OUT, SIDE = (2, 1, 1, 1), 4, 24, 3
DIMS = 32 * WIDTH
IMAGE = dict(layers=LAYERS, width=WIDTH, out_dims=OUT, side=SIDE)
TEXT_WIDTH, TEXT_HEADS, TEXT_LAYERS, VOCABULARY, POSITIONS = 32, 4, 2, 40, 12
TEXT = dict(
    hidden_size=TEXT_WIDTH,
    intermediate_size=4 * TEXT_WIDTH,
    num_hidden_layers=TEXT_LAYERS,
    num_attention_heads=TEXT_HEADS,
    projection_dim=OUT,
    vocab_size=VOCABULARY,
    max_position_embeddings=POSITIONS,
)


def conv(out: int, into: int, kernel: int) -> dict[str, Tensor]:
    return {'weight': torch.randn(out, into, kernel, kernel) / (into**0.5 * kernel)}


def norm(channels: int) -> dict[str, Tensor]:
    return {
        'weight': 1 + 0.2 * torch.randn(channels),
        'bias': 0.2 * torch.randn(channels),
        'running_mean': 0.2 * torch.randn(channels),
        'running_var': 0.5 + torch.rand(channels),
    }


def linear(out: int, into: int) -> dict[str, Tensor]:
    return {'weight': torch.randn(out, into) / into**0.5, 'bias': 0.2 * torch.randn(out)}


def image_tower() -> dict[str, Tensor]:
    parts = {
        'conv1': conv(WIDTH // 2, 3, 3),
        'bn1': norm(WIDTH // 2),
        'conv2': conv(WIDTH // 2, WIDTH // 2, 3),
        'bn2': norm(WIDTH // 2),
        'conv3': conv(WIDTH, WIDTH // 2, 3),
        'bn3': norm(WIDTH),
    }
    channels = WIDTH
    for stage, count in enumerate(LAYERS):
        inner = WIDTH * 2**stage
        for index in range(count):
            block = f'layer{stage + 1}.{index}'
            parts[f'{block}.conv1'], parts[f'{block}.bn1'] = conv(inner, channels, 1), norm(inner)
            parts[f'{block}.conv2'], parts[f'{block}.bn2'] = conv(inner, inner, 3), norm(inner)
            parts[f'{block}.conv3'] = conv(4 * inner, inner, 1)
            parts[f'{block}.bn3'] = norm(4 * inner)
            if index == 0:
                parts[f'{block}.downsample.0'] = conv(4 * inner, channels, 1)
                parts[f'{block}.downsample.1'] = norm(4 * inner)
            channels = 4 * inner
    for letter in 'qkv':
        parts[f'attnpool.{letter}_proj'] = linear(DIMS, DIMS)
    parts['attnpool.c_proj'] = linear(OUT, DIMS)
    state = {f'{part}.{kind}': t for part, kinds in parts.items() for kind, t in kinds.items()}
    state['attnpool.positional_embedding'] = torch.randn(SIDE**2 + 1, DIMS)
    return state


def text_tower() -> dict[str, Tensor]:
    state = {
        'token_embedding.weight': torch.randn(VOCABULARY, TEXT_WIDTH),
        'positional_embedding': torch.randn(POSITIONS, TEXT_WIDTH),
        'text_projection': torch.randn(TEXT_WIDTH, OUT),
        'ln_final.weight': 1 + 0.2 * torch.randn(TEXT_WIDTH),
        'ln_final.bias': torch.randn(TEXT_WIDTH),
    }
    for index in range(TEXT_LAYERS):
        block = f'transformer.resblocks.{index}'
        attention = linear(3 * TEXT_WIDTH, TEXT_WIDTH)
        state |= {f'{block}.attn.in_proj_{kind}': t for kind, t in attention.items()}
        for name, out, into in [
            ('attn.out_proj', TEXT_WIDTH, TEXT_WIDTH),
            ('mlp.c_fc', 4 * TEXT_WIDTH, TEXT_WIDTH),
            ('mlp.c_proj', TEXT_WIDTH, 4 * TEXT_WIDTH),
        ]:
            state |= {f'{block}.{name}.{kind}': t for kind, t in linear(out, into).items()}
        for name in ('ln_1', 'ln_2'):
            state[f'{block}.{name}.weight'] = 1 + 0.2 * torch.randn(TEXT_WIDTH)
            state[f'{block}.{name}.bias'] = 0.2 * torch.randn(TEXT_WIDTH)
    return state


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


def features(state: dict[str, Tensor], images: Tensor) -> Tensor:
    """The last stage of CLIP's ResNet by its definition, over the published names."""

    def run_conv(x: Tensor, name: str, padding: int = 0, stride: int = 1) -> Tensor:
        return F.conv2d(x, state[f'{name}.weight'], padding=padding, stride=stride)

    def run_norm(x: Tensor, name: str) -> Tensor:
        weight, bias, mean, var = (
            state[f'{name}.{kind}'][:, None, None]
            for kind in ('weight', 'bias', 'running_mean', 'running_var')
        )
        return (x - mean) / (var + 1e-5).sqrt() * weight + bias

    x = run_norm(run_conv(images, 'conv1', 1, 2), 'bn1').relu()
    x = run_norm(run_conv(x, 'conv2', 1), 'bn2').relu()
    x = F.avg_pool2d(run_norm(run_conv(x, 'conv3', 1), 'bn3').relu(), 2)
    for stage, count in enumerate(LAYERS):
        for index in range(count):
            block, stride = f'layer{stage + 1}.{index}', 2 if stage and not index else 1
            y = run_norm(run_conv(x, f'{block}.conv1'), f'{block}.bn1').relu()
            y = run_norm(run_conv(y, f'{block}.conv2', 1), f'{block}.bn2').relu()
            y = run_norm(run_conv(F.avg_pool2d(y, stride), f'{block}.conv3'), f'{block}.bn3')
            if index == 0:
                x = run_conv(F.avg_pool2d(x, stride), f'{block}.downsample.0')
                x = run_norm(x, f'{block}.downsample.1')
            x = (x + y).relu()
    return x


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
