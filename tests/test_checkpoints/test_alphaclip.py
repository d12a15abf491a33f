"""AlphaCLIP's converter, on files of the published layout in small."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mmpatchioner.checkpoints import CheckpointError, load_metadata
from mmpatchioner.checkpoints.alphaclip import convert_alphaclip
from mmpatchioner.models.necks import AlphaCLIPNeck
from tests.test_tools.converting import run

WIDTH, PATCH, HEADS, OUT = 32, 8, 4, 16
TINY = dict(
    hidden_size=WIDTH,
    intermediate_size=4 * WIDTH,
    num_hidden_layers=2,
    num_attention_heads=HEADS,
    image_size=4 * PATCH,
    patch_size=PATCH,
    projection_dim=OUT,
)


@pytest.fixture
def state() -> dict[str, Tensor]:
    """A file as AlphaCLIP's trainer writes it."""
    torch.manual_seed(0)
    shapes = {
        'class_embedding': (WIDTH,),
        'positional_embedding': (17, WIDTH),
        'proj': (WIDTH, OUT),
        'conv1.weight': (WIDTH, 3, PATCH, PATCH),
        'conv1_alpha.weight': (WIDTH, 1, PATCH, PATCH),
    }
    for name in ('ln_pre', 'ln_post'):
        shapes |= {f'{name}.weight': (WIDTH,), f'{name}.bias': (WIDTH,)}
    for index in range(2):
        block = f'transformer.resblocks.{index}'
        for name, rows, columns in [
            ('attn.in_proj', 3 * WIDTH, WIDTH),
            ('attn.out_proj', WIDTH, WIDTH),
            ('mlp.c_fc', 4 * WIDTH, WIDTH),
            ('mlp.c_proj', WIDTH, 4 * WIDTH),
        ]:
            shapes |= {f'{block}.{name}.weight': (rows, columns), f'{block}.{name}.bias': (rows,)}
        for name in ('ln_1', 'ln_2'):
            shapes |= {f'{block}.{name}.weight': (WIDTH,), f'{block}.{name}.bias': (WIDTH,)}
    return {name: 0.3 * torch.randn(shape) for name, shape in shapes.items()}


def class_token(state: dict[str, Tensor], image: Tensor, alpha: Tensor) -> Tensor:
    """AlphaCLIP's output by its definition, over the published names: (OUT,)."""

    def norm(x: Tensor, name: str) -> Tensor:
        return F.layer_norm(x, (WIDTH,), state[f'{name}.weight'], state[f'{name}.bias'])

    def linear(x: Tensor, name: str) -> Tensor:
        return x @ state[f'{name}.weight'].T + state[f'{name}.bias']

    patches = F.conv2d(image[None], state['conv1.weight'], stride=PATCH)
    patches = patches + F.conv2d(alpha[None, None], state['conv1_alpha.weight'], stride=PATCH)
    tokens = torch.cat([state['class_embedding'][None], patches[0].flatten(1).T])
    tokens = norm(tokens + state['positional_embedding'], 'ln_pre')
    for index in range(2):
        block = f'transformer.resblocks.{index}'
        q, k, v = linear(norm(tokens, f'{block}.ln_1'), f'{block}.attn.in_proj').chunk(3, dim=-1)
        q, k, v = (x.unflatten(-1, (HEADS, -1)).transpose(0, 1) for x in (q, k, v))
        weights = (q @ k.transpose(1, 2) * (WIDTH // HEADS) ** -0.5).softmax(dim=-1)
        attended = (weights @ v).transpose(0, 1).flatten(1)
        tokens = tokens + linear(attended, f'{block}.attn.out_proj')
        hidden = linear(norm(tokens, f'{block}.ln_2'), f'{block}.mlp.c_fc')
        tokens = tokens + linear(hidden * torch.sigmoid(1.702 * hidden), f'{block}.mlp.c_proj')
    return norm(tokens[0], 'ln_post') @ state['proj']


@pytest.mark.parametrize('prefix', ['', 'visual.', 'module.visual.'])
def test_a_converted_tower_gives_the_same(state, tmp_path, capsys, prefix):
    source, out = tmp_path / 'clip_b16_grit.pth', tmp_path / 'alphaclip.safetensors'
    torch.save({prefix + name: tensor for name, tensor in state.items()}, source)
    assert run('alphaclip_to_mmpatchioner', source, out) == 0
    neck = AlphaCLIPNeck(
        backbone=dict(config=TINY), init_cfg=dict(type='Pretrained', checkpoint=str(out))
    )
    neck.init_weights()
    images, mask = torch.randn(1, 3, 32, 32), torch.rand(1, 32, 32) > 0.6
    found = neck.encode_regions(images, mask, torch.zeros(1, dtype=torch.long)).cls[0]
    expected = class_token(state, images[0], (mask[0].float() - 0.5) / 0.26)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    printed = capsys.readouterr().out
    assert 'alpha_embedding.weight' in printed and 'transposed' in printed
    assert printed.count('a third of it') == 12
    assert load_metadata(out)['converted_from'] == 'clip_b16_grit.pth'


def test_half_precision_and_openais_own_names(state, tmp_path):
    source = tmp_path / 'half.pth'
    torch.save(
        {n.replace('in_proj.', 'in_proj_'): tensor.half() for n, tensor in state.items()}, source
    )
    tensors = convert_alphaclip(source).tensors
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float32}
    assert len(tensors) == len(state) + 8


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda state: state.pop('conv1_alpha.weight'), 'This is no AlphaCLIP'),
        (lambda state: state.pop('proj'), 'missing: proj'),
        (lambda state: state.pop('positional_embedding'), 'missing: positional_embedding'),
        (lambda state: state.update(logit_scale=torch.ones(1)), 'unknown: logit_scale'),
        (
            lambda state: state.update({'conv1.weight': torch.zeros(WIDTH, 3, 4, 4)}),
            r'conv1\.weight: expected \(32, 3, 8, 8\), got \(32, 3, 4, 4\)',
        ),
        (
            lambda state: state.update({'visual.proj': torch.zeros(WIDTH, OUT)}),
            'holds some tensors twice',
        ),
        (
            lambda state: state.update(
                {'transformer.resblocks.1.attn.in_proj.lora_A': torch.zeros(2)}
            ),
            'unknown: transformer.resblocks.1.attn.in_proj.lora_A',
        ),
    ],
)
def test_unfit_files_are_refused(state, tmp_path, capsys, change, message):
    change(state)
    torch.save(state, tmp_path / 'file.pth')
    with pytest.raises(CheckpointError, match=message):
        convert_alphaclip(tmp_path / 'file.pth')
    out = tmp_path / 'out.safetensors'
    assert run('alphaclip_to_mmpatchioner', tmp_path / 'file.pth', out) == 2
    assert capsys.readouterr().err.count('\n') == 1 and not out.exists()
