"""DenseCLIP's converter, on files of the published layout in small."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import CLIPTextConfig, CLIPTextModelWithProjection

from mmpatchioner.checkpoints import CheckpointError, load_metadata
from mmpatchioner.checkpoints.denseclip import convert_image_tower, convert_text_tower
from mmpatchioner.models.necks import DenseCLIPNeck
from mmpatchioner.models.text_encoders import CLIPTextTower
from tests.test_tools.converting import run

WIDTH, PATCH, HEADS, OUT, LAYERS = 32, 8, 4, 16, 2
VOCABULARY, CONTEXT, LONG_CONTEXT = 40, 13, 77
IMAGE = dict(
    hidden_size=WIDTH,
    intermediate_size=4 * WIDTH,
    num_hidden_layers=LAYERS,
    num_attention_heads=HEADS,
    image_size=4 * PATCH,
    patch_size=PATCH,
    projection_dim=OUT,
)
TEXT = dict(
    hidden_size=WIDTH,
    intermediate_size=4 * WIDTH,
    num_hidden_layers=LAYERS,
    num_attention_heads=HEADS,
    projection_dim=OUT,
    vocab_size=VOCABULARY,
)


def blocks() -> dict[str, Tensor]:
    shapes = {}
    for index in range(LAYERS):
        block = f'transformer.resblocks.{index}'
        for name, rows, columns in [
            ('attn.in_proj_', 3 * WIDTH, WIDTH),
            ('attn.out_proj.', WIDTH, WIDTH),
            ('mlp.c_fc.', 4 * WIDTH, WIDTH),
            ('mlp.c_proj.', WIDTH, 4 * WIDTH),
        ]:
            shapes |= {f'{block}.{name}weight': (rows, columns), f'{block}.{name}bias': (rows,)}
        for name in ('ln_1', 'ln_2'):
            shapes |= {f'{block}.{name}.weight': (WIDTH,), f'{block}.{name}.bias': (WIDTH,)}
    return draw(shapes)


def draw(shapes: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    return {name: 0.3 * torch.randn(shape) for name, shape in shapes.items()}


@pytest.fixture
def state() -> dict[str, Tensor]:
    """The tensors of a published file, those that are left out among them."""
    torch.manual_seed(0)
    image = draw(
        {
            'class_embedding': (WIDTH,),
            'positional_embedding': (17, WIDTH),
            'proj': (WIDTH, OUT),
            'conv1.weight': (WIDTH, 3, PATCH, PATCH),
            'ln_pre.weight': (WIDTH,),
            'ln_pre.bias': (WIDTH,),
            'ln_post.weight': (WIDTH,),
            'ln_post.bias': (WIDTH,),
            'fpn1.0.weight': (WIDTH,),
            'fpn1.1.weight': (WIDTH, WIDTH, 2, 2),
            'fpn1.2.running_mean': (WIDTH,),
            'fpn3.weight': (WIDTH,),
        }
    )
    image['fpn1.2.num_batches_tracked'] = torch.tensor(80000)
    text = draw(
        {
            'token_embedding.weight': (VOCABULARY, WIDTH),
            'positional_embedding': (CONTEXT, WIDTH),
            'text_projection': (WIDTH, OUT),
            'ln_final.weight': (WIDTH,),
            'ln_final.bias': (WIDTH,),
        }
    )
    rest = {
        'contexts': (1, 8, WIDTH),
        'gamma': (OUT,),
        'context_decoder.memory_proj.0.weight': (OUT,),
        'neck.lateral_convs.0.conv.weight': (4, WIDTH, 1, 1),
        'decode_head.conv_seg.bias': (150,),
    }
    state = {f'backbone.{name}': tensor for name, tensor in (image | blocks()).items()}
    state |= {f'text_encoder.{name}': tensor for name, tensor in (text | blocks()).items()}
    return state | draw(rest)


@pytest.fixture
def save(tmp_path, state):
    """Write the file as mmsegmentation does."""

    def save(name: str = 'ViT-B-DenseCLIP.pth'):
        path = tmp_path / name
        torch.save({'meta': {'epoch': 1, 'CLASSES': ('wall', 'sky')}, 'state_dict': state}, path)
        return path

    return save


def norm(x: Tensor, state: dict[str, Tensor], name: str) -> Tensor:
    return F.layer_norm(x, (WIDTH,), state[f'{name}.weight'], state[f'{name}.bias'])


def transformer(tokens: Tensor, state: dict[str, Tensor], tower: str, causal: bool) -> Tensor:
    """CLIP's blocks by their definition, over the published names."""
    for index in range(LAYERS):
        block = f'{tower}.transformer.resblocks.{index}'
        normed = norm(tokens, state, f'{block}.ln_1')
        packed = normed @ state[f'{block}.attn.in_proj_weight'].T
        q, k, v = (packed + state[f'{block}.attn.in_proj_bias']).chunk(3, dim=-1)
        q, k, v = (x.unflatten(-1, (HEADS, -1)).transpose(0, 1) for x in (q, k, v))
        logits = q @ k.transpose(1, 2) * (WIDTH // HEADS) ** -0.5
        if causal:
            future = torch.ones_like(logits[0], dtype=torch.bool).triu(1)
            logits = logits.masked_fill(future, -torch.inf)
        attended = (logits.softmax(dim=-1) @ v).transpose(0, 1).flatten(1)
        tokens = tokens + linear(attended, state, f'{block}.attn.out_proj')
        hidden = linear(norm(tokens, state, f'{block}.ln_2'), state, f'{block}.mlp.c_fc')
        hidden = hidden * torch.sigmoid(1.702 * hidden)
        tokens = tokens + linear(hidden, state, f'{block}.mlp.c_proj')
    return tokens


def linear(x: Tensor, state: dict[str, Tensor], name: str) -> Tensor:
    return x @ state[f'{name}.weight'].T + state[f'{name}.bias']


def patches(state: dict[str, Tensor], image: Tensor) -> Tensor:
    """DenseCLIP's visual embeddings by their definition: (16, OUT)."""
    convolved = F.conv2d(image[None], state['backbone.conv1.weight'], stride=PATCH)
    cls = state['backbone.class_embedding'][None]
    positions = state['backbone.positional_embedding']
    tokens = torch.cat([cls, convolved[0].flatten(1).T])
    tokens = tokens + torch.cat([positions[:1] + cls, positions[1:]])
    tokens = norm(tokens, state, 'backbone.ln_pre')
    tokens = transformer(tokens, state, 'backbone', causal=False)
    return norm(tokens[1:], state, 'backbone.ln_post') @ state['backbone.proj']


def text_vector(state: dict[str, Tensor], ids: Tensor, positions: Tensor) -> Tensor:
    tokens = state['text_encoder.token_embedding.weight'][ids] + positions[: len(ids)]
    tokens = transformer(tokens, state, 'text_encoder', causal=True)
    last = norm(tokens[-1], state, 'text_encoder.ln_final')
    return last @ state['text_encoder.text_projection']


@torch.no_grad()
def test_a_converted_file_gives_the_same(state, save, tmp_path, capsys):
    out, text_out = tmp_path / 'denseclip.safetensors', tmp_path / 'text.safetensors'
    assert run('denseclip_to_mmpatchioner', save(), out, '--text-out', text_out) == 0
    neck = DenseCLIPNeck(
        backbone=dict(config=IMAGE), init_cfg=dict(type='Pretrained', checkpoint=str(out))
    )
    neck.init_weights()
    images = torch.randn(1, 3, 32, 32)
    torch.testing.assert_close(
        neck(images).patches[0], patches(state, images[0]), atol=1e-4, rtol=1e-4
    )
    tower = CLIPTextTower(
        {**TEXT, 'max_position_embeddings': CONTEXT},
        dict(type='Pretrained', checkpoint=str(text_out)),
    ).eval()
    tower.init_weights()
    ids = torch.randint(VOCABULARY, (9,))
    expected = text_vector(state, ids, state['text_encoder.positional_embedding'])
    found = tower(ids[None], torch.tensor([8]))[0]
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    printed = capsys.readouterr().out
    for note in ('feature pyramid', 'head of the segmentation', 'the other tower', 'transposed'):
        assert note in printed
    assert printed.count('a third of it') == 2 * 2 * LAYERS * 3
    for name in state:
        assert name in printed, name
    assert load_metadata(out)['converted_from'] == 'ViT-B-DenseCLIP.pth'
    assert load_metadata(text_out)['format'] == 'mmpatchioner.denseclip_text_tower'


@torch.no_grad()
def test_the_context_is_continued_with_the_positions_of_clip(state, save, tmp_path, capsys):
    clip = CLIPTextModelWithProjection(CLIPTextConfig(**TEXT, max_position_embeddings=LONG_CONTEXT))
    positions = clip.text_model.embeddings.position_embedding.weight
    positions[:CONTEXT] = state['text_encoder.positional_embedding'].half().float()
    clip.save_pretrained(tmp_path / 'clip')
    outs = (tmp_path / 'image.safetensors', '--text-out', tmp_path / 'text.safetensors')
    arguments = (save(), *outs, '--long-context', tmp_path / 'clip')
    assert run('denseclip_to_mmpatchioner', *arguments) == 0
    assert '13 positions, followed by those of CLIP' in capsys.readouterr().out
    tower = CLIPTextTower(
        {**TEXT, 'max_position_embeddings': LONG_CONTEXT},
        dict(type='Pretrained', checkpoint=str(outs[2])),
    ).eval()
    tower.init_weights()
    ids = torch.randint(VOCABULARY, (30,))
    long = torch.cat([state['text_encoder.positional_embedding'], positions[CONTEXT:]])
    found = tower(ids[None], torch.tensor([29]))[0]
    torch.testing.assert_close(found, text_vector(state, ids, long), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ('positions', 'message'),
    [
        (torch.randn(LONG_CONTEXT, WIDTH), 'its 13 positions are up to'),
        (torch.randn(LONG_CONTEXT, 8), 'of width 32 to continue with'),
        (torch.randn(5, WIDTH), r'at least 13 positions .* got \(5, 32\)'),
    ],
)
def test_positions_of_another_clip_are_refused(save, positions, message):
    with pytest.raises(CheckpointError, match=message):
        convert_text_tower(save(), positions)


def test_the_long_context_needs_a_text_tower(save, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run('denseclip_to_mmpatchioner', save(), tmp_path / 'o.safetensors', '--long-context', 'x')
    assert '--text-out' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (
            lambda state: state.pop('backbone.proj'),
            r'found no backbone\.proj\. A DenseCLIP without',
        ),
        (lambda state: state.pop('backbone.ln_post.bias'), r'found no backbone\.ln_post\.bias'),
        (lambda state: state.pop('backbone.conv1.weight'), r'expected backbone\.conv1\.weight'),
        (lambda state: state.pop('backbone.ln_pre.bias'), r'missing: ln_pre\.bias'),
        (
            lambda state: state.update({'backbone.layer1.0.conv1.weight': torch.ones(1)}),
            r'unknown: layer1\.0\.conv1\.weight',
        ),
        (
            lambda state: state.update({'rpn.weight': torch.ones(1)}),
            r"got others too: \['rpn'\]",
        ),
        (
            lambda state: state.update({'backbone.proj': torch.zeros(4, OUT)}),
            r'proj: expected \(32, 16\), got \(4, 16\)',
        ),
    ],
)
def test_unfit_image_towers_are_refused(state, save, tmp_path, capsys, change, message):
    change(state)
    with pytest.raises(CheckpointError, match=message):
        convert_image_tower(save())
    out = tmp_path / 'out.safetensors'
    assert run('denseclip_to_mmpatchioner', save(), out) == 2
    assert capsys.readouterr().err.count('\n') == 1 and not out.exists()


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (
            lambda state: state.pop('text_encoder.token_embedding.weight'),
            r'expected text_encoder\.token_embedding\.weight',
        ),
        (lambda state: state.pop('text_encoder.ln_final.bias'), r'missing: ln_final\.bias'),
        (
            lambda state: state.update(
                {'text_encoder.text_projection': torch.full((32, 16), torch.nan)}
            ),
            'text_projection: expected finite numbers',
        ),
    ],
)
def test_unfit_text_towers_are_refused(state, save, change, message):
    change(state)
    with pytest.raises(CheckpointError, match=message):
        convert_text_tower(save())
