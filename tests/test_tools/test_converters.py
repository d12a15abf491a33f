"""The converters of published weights, on files of the published layout in small."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import GPT2Config, GPT2LMHeadModel

from mmpatchioner.checkpoints import (
    load_memory,
    load_metadata,
    load_state_dict,
    load_strict,
    save_memory,
)
from mmpatchioner.checkpoints.decap import convert_decap, decap_names, decoder_arguments
from mmpatchioner.checkpoints.memory_h5 import published_space
from mmpatchioner.models.bridges import MemoryBridge
from mmpatchioner.models.decoders import PrefixDecoder, train_bpe
from mmpatchioner.models.text_encoders import TextProjection
from tests.commands import TOOLS, load_tool
from tests.test_tools.converting import run

WIDTH = 16


class Published(nn.Module):
    """A decoder as transformers builds it, with the published names."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        config = GPT2Config(vocab_size=60, n_positions=40, n_embd=32, n_layer=4, n_head=4)
        self.decoder = GPT2LMHeadModel(config)
        self.clip_project = nn.Module()
        self.clip_project.model = nn.Sequential(nn.Linear(WIDTH, 32))
        for parameter in self.parameters():
            parameter.data += 0.2 * torch.randn_like(parameter)
        self.eval()

    @torch.no_grad()
    def greedy(self, z: Tensor, steps: int) -> Tensor:
        """Tokens of the published loop: everything anew at every step."""
        inputs = self.clip_project.model(z)[:, None]
        tokens = []
        for _ in range(steps):
            tokens.append(self.decoder(inputs_embeds=inputs).logits[:, -1].argmax(dim=-1))
            following = self.decoder.transformer.wte(tokens[-1])[:, None]
            inputs = torch.cat([inputs, following], dim=1)
        return torch.stack(tokens, dim=1)


@pytest.fixture(scope='module')
def published() -> Published:
    return Published()


@pytest.fixture
def state(published) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in published.state_dict().items()}


@pytest.fixture(scope='module')
def tokenizer(tmp_path_factory) -> dict:
    path = tmp_path_factory.mktemp('tokenizer') / 'tokenizer.json'
    train_bpe(['a dog runs', 'two red bikes on grass'], vocab_size=60, path=path)
    return dict(type='mmpatchioner.CaptionTokenizer', file=str(path))


def save(state: dict[str, Tensor], path: Path) -> Path:
    torch.save(state, path)
    return path


def test_the_published_file_has_55_tensors(state):
    assert len(state) == 55
    assert set(state) == {*decap_names(num_layers=4), 'decoder.lm_head.weight'}


@pytest.mark.parametrize('wrapped', [False, True])
def test_a_converted_decoder_says_the_same(published, state, tokenizer, tmp_path, capsys, wrapped):
    if wrapped:  # trained with DistributedDataParallel, by an old transformers
        for layer in range(4):
            block = f'decoder.transformer.h.{layer}.attn.'
            state[block + 'bias'] = torch.ones(1, 1, 40, 40).tril().bool()
            state[block + 'masked_bias'] = torch.tensor(-1e4)
        state = {f'module.{name}': tensor for name, tensor in state.items()}
    source, out = save(state, tmp_path / 'coco-009.pt'), tmp_path / 'decoder.safetensors'
    assert run('decap_to_mmpatchioner', source, out) == 0

    sizes = decoder_arguments(convert_decap(source))
    init_cfg = dict(type='Pretrained', checkpoint=str(out))
    decoder = PrefixDecoder(
        **sizes, num_heads=4, tokenizer=tokenizer, max_length=12, init_cfg=init_cfg
    )
    decoder.init_weights()
    z = torch.randn(9, WIDTH)
    expected = published.greedy(z, steps=12)
    # Without a token that ends them, and with all tokens of the model.
    decoder.tokenizer.vocab_size, decoder.tokenizer.eos_id = 60, -1
    assert torch.equal(decoder.generate(z).token_ids, expected)
    assert len(expected.unique()) > 5

    printed = capsys.readouterr().out
    assert 'prefix_dims=16, hidden_dims=32, num_layers=4, vocab_size=60' in printed
    for name in decap_names(num_layers=4).values():
        assert name in printed
    assert printed.count('causal mask, left out') == (8 if wrapped else 0)
    assert load_metadata(out)['space'] == 'talk2dino-vitb14-reg'
    assert load_metadata(out)['converted_from'] == 'coco-009.pt'


def drop(state):
    del state['decoder.transformer.h.2.mlp.c_proj.bias']
    return 'missing: decoder.transformer.h.2.mlp.c_proj.bias; unknown: none'


def add(state):
    state['clip_project.model.2.weight'] = torch.ones(3)
    return 'missing: none; unknown: clip_project.model.2.weight'


def fewer_blocks(state):
    for name in [name for name in state if '.h.3.' in name]:
        del state[name]
    return 'and 4 more; unknown: none'


def turn(state):
    name = 'decoder.transformer.h.0.attn.c_attn.weight'
    state[name] = state[name].T.contiguous()
    return f'{name}: expected (32, 96), got (96, 32)'


def flatten(state):
    state['clip_project.model.0.weight'] = torch.ones(5)
    return 'clip_project.model.0.weight: expected 2 dimensions, got shape (5,)'


def untie(state):
    state['decoder.lm_head.weight'][3, 3] += 1
    return 'expected decoder.lm_head.weight to equal decoder.transformer.wte.weight (tied)'


def spoil(state):
    state['decoder.transformer.ln_f.bias'][0] = torch.nan
    return 'decoder.transformer.ln_f.bias: expected finite numbers'


@pytest.mark.parametrize('damage', [drop, add, fewer_blocks, turn, flatten, untie, spoil])
def test_unfit_decoders_are_refused_by_name(state, tmp_path, capsys, damage):
    message = damage(state)
    source, out = save(state, tmp_path / 'decoder.pt'), tmp_path / 'out.safetensors'
    assert run('decap_to_mmpatchioner', source, out) == 2
    error = capsys.readouterr().err
    assert message in error and error.count('\n') == 1 and error.startswith('error: ')
    assert not out.exists()


def test_a_decoder_and_a_memory_of_different_models_are_refused(state, tmp_path, capsys):
    source, memory = save(state, tmp_path / 'decoder.pt'), tmp_path / 'memory.safetensors'
    arguments = (source, tmp_path / 'out.safetensors', '--memory', memory)
    save_memory(memory, torch.randn(4, WIDTH))
    assert run('decap_to_mmpatchioner', *arguments) == 0
    save_memory(memory, torch.randn(4, 8))
    assert run('decap_to_mmpatchioner', *arguments) == 2
    assert 'vectors of 16 dimensions, the memory holds 8' in capsys.readouterr().err
    save_memory(memory, torch.randn(4, WIDTH), metadata={'space': 'clip'})
    assert run('decap_to_mmpatchioner', *arguments, '--space', 'talk2dino') == 2
    assert "is of the space 'clip', not of 'talk2dino'" in capsys.readouterr().err


def test_a_decoder_is_of_the_space_of_its_memory(state, tmp_path, capsys):
    source, memory = save(state, tmp_path / 'decoder.pt'), tmp_path / 'memory.safetensors'
    save_memory(memory, torch.randn(4, WIDTH), metadata={'space': 'clip-vit-base-patch16'})
    out = tmp_path / 'out.safetensors'
    assert run('decap_to_mmpatchioner', source, out, '--memory', memory) == 0
    assert load_metadata(out)['space'] == 'clip-vit-base-patch16'
    assert 'space clip-vit-base-patch16' in capsys.readouterr().out


@pytest.mark.parametrize(
    'tool', sorted(path.stem for path in (TOOLS / 'model_converters').glob('*.py'))
)
def test_the_help_of_a_converter_ends_with_a_command_that_it_understands(tool, capsys):
    with pytest.raises(SystemExit, match='0'):
        run(tool, '--help')
    shown = ' '.join(capsys.readouterr().out.split())
    command = shown.partition('Example: python tools/model_converters/')[2].split()
    assert command[0] == f'{tool}.py'
    load_tool(f'model_converters/{tool}').parse_args(command[1:])


class RunsCode:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize('tool', ['decap_to_mmpatchioner', 'talk2dino_to_mmpatchioner'])
def test_bad_command_lines_end_with_status_2(tmp_path, capsys, tool):
    trap = tmp_path / 'trapped'
    torch.save({'a': RunsCode(trap)}, tmp_path / 'trap.pt')
    out = tmp_path / 'out.safetensors'
    for source, target, message in [
        (tmp_path / 'trap.pt', out, 'may run any code'),
        (tmp_path / 'none.pt', out, 'found nothing'),
        (tmp_path / 'trap.pt', tmp_path / 'out.pt', 'ends with .safetensors'),
    ]:
        assert run(tool, source, target) == 2
        error = capsys.readouterr().err
        assert message in error and error.count('\n') == 1
    assert not trap.exists() and not out.exists()


def projection(hidden: str = 'hidden_layers.0') -> dict[str, Tensor]:
    return {
        'linear_layer.weight': torch.randn(24, WIDTH),
        'linear_layer.bias': torch.randn(24),
        f'{hidden}.weight': torch.randn(20, 24),
        f'{hidden}.bias': torch.randn(20),
    }


@pytest.mark.parametrize('hidden', ['hidden_layers.0', 'linear_layer2'])
def test_a_converted_projection_is_the_formula(tmp_path, capsys, hidden):
    state, out = projection(hidden), tmp_path / 'out.safetensors'
    assert run('talk2dino_to_mmpatchioner', save(state, tmp_path / 'p.pth'), out) == 0
    ours = TextProjection(in_dims=WIDTH, hidden_dims=24, out_dims=20)
    load_strict(ours, load_state_dict(out), 'p.pth')
    texts = torch.randn(3, WIDTH)
    inner = texts @ state['linear_layer.weight'].T + state['linear_layer.bias']
    expected = inner.tanh() @ state[f'{hidden}.weight'].T + state[f'{hidden}.bias']
    torch.testing.assert_close(ours(texts), expected, atol=1e-5, rtol=1e-5)
    printed = capsys.readouterr().out
    assert 'in_dims=16, hidden_dims=24, out_dims=20' in printed
    assert 'origin: unknown' in printed
    assert load_metadata(out)['origin'] == 'unknown'


def test_a_linear_projection(tmp_path, capsys):
    state = {name: tensor for name, tensor in projection().items() if 'linear' in name}
    out = tmp_path / 'out.safetensors'
    assert run('talk2dino_to_mmpatchioner', save(state, tmp_path / 'p.pth'), out) == 0
    assert 'in_dims=16, hidden_dims=None, out_dims=24' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'linear_layer2.weight': torch.ones(20, 24)}, 'holds the second layer twice'),
        ({'hidden_layers.0.weight': torch.ones(20, 25)}, 'expected (20, 24), got (20, 25)'),
        ({'hidden_layers.2.weight': torch.ones(20, 20)}, 'missing: hidden_layers.1.bias'),
        ({'logit_scale': torch.ones(1)}, 'unknown: logit_scale'),
    ],
)
def test_unfit_projections_are_refused_by_name(tmp_path, capsys, change, message):
    source = save({**projection(), **change}, tmp_path / 'p.pth')
    assert run('talk2dino_to_mmpatchioner', source, tmp_path / 'out.safetensors') == 2
    assert message in capsys.readouterr().err


PATCHIONER_PROJECTION = '5db3e85d8745a621cddfcb5c76641f47a0514852a2da64138d5c893864c9bc81'


@pytest.fixture
def published_projection(shared_data, tmp_path, capsys) -> tuple[Path, Path, str]:
    """The real file, what it was converted to, and what was printed."""
    path = shared_data / 'weights' / 'talk2dino_vitb_mlp_infonce.pth'
    if not path.is_file():
        pytest.skip(f'{path} is not there')
    out = tmp_path / 'talk2dino.safetensors'
    assert run('talk2dino_to_mmpatchioner', path, out) == 0
    return path, out, capsys.readouterr().out


def test_the_published_projection_is_recognised(published_projection):
    path, out, printed = published_projection
    metadata = load_metadata(out)
    assert metadata['source_sha256'] == PATCHIONER_PROJECTION
    assert metadata['origin'] == 'Patch-ioner repository'
    assert metadata['space'] == 'talk2dino-vitb14-reg'
    assert f'origin: Patch-ioner repository (sha256 {PATCHIONER_PROJECTION})' in printed
    published, converted = load_state_dict(path), load_state_dict(out)
    assert {name: tuple(tensor.shape) for name, tensor in converted.items()} == {
        'linear_layer.weight': (768, 512),
        'linear_layer.bias': (768,),
        'hidden_layers.0.weight': (768, 768),
        'hidden_layers.0.bias': (768,),
    }
    assert all(torch.equal(converted[name], published[name]) for name in converted)
    ours = TextProjection(in_dims=512, hidden_dims=768, out_dims=768)
    load_strict(ours, converted, str(path))
    texts = torch.randn(5, 512, generator=torch.Generator().manual_seed(0))
    inner = texts @ published['linear_layer.weight'].T + published['linear_layer.bias']
    expected = inner.tanh() @ published['hidden_layers.0.weight'].T
    expected += published['hidden_layers.0.bias']
    torch.testing.assert_close(ours(texts), expected, atol=1e-5, rtol=1e-5)


@pytest.fixture
def write_h5(tmp_path) -> Callable[..., Path]:
    h5py = pytest.importorskip('h5py')

    def write(rows: np.ndarray, texts: list[str] | None, name: str = 'coco_captions') -> Path:
        path = tmp_path / f'{name}_text_embeddings-B16-ViT-B.16-{len(rows)}.h5'
        with h5py.File(path, 'w') as handle:
            handle.create_dataset(f'{name}-embeddings', data=rows)
            if texts is not None:
                handle.create_dataset(f'{name}-text', data=texts, dtype=h5py.string_dtype('utf-8'))
        return path

    return write


@pytest.mark.parametrize('dtype', ['fp32', 'bf16'])
def test_a_converted_memory_projects_the_same(write_h5, tmp_path, capsys, monkeypatch, dtype):
    monkeypatch.setattr('mmpatchioner.checkpoints.memory_h5._CHUNK', 7)
    rng = np.random.default_rng(0)
    rows = (6 * rng.standard_normal((30, WIDTH))).astype(np.float32)
    rows[[4, 25, 26, 27, 28, 29]] = 0
    texts = [f'ein Hund läuft {index}' for index in range(25)] + [''] * 5
    out = tmp_path / 'memory.safetensors'
    source = write_h5(rows, texts)
    assert run('memory_h5_to_safetensors', source, out, '--dtype', dtype) == 0
    memory = load_memory(out)
    kept = [index for index in range(25) if index != 4]
    assert list(memory.texts) == [texts[index] for index in kept]
    assert memory.space == 'talk2dino-vitb14-reg'
    assert memory.metadata['rows_of_zeros_left_out'] == '6'
    assert memory.metadata['converted_from'] == source.name
    z, raw = torch.randn(5, WIDTH), torch.from_numpy(rows[kept])
    weights = (F.normalize(z, dim=1) @ F.normalize(raw, dim=1).T / 0.1).softmax(dim=1)
    projected = MemoryBridge(memory, temperature=0.1, normalize=False)(z)
    tolerance = 1e-5 if dtype == 'fp32' else 0.1
    torch.testing.assert_close(projected, weights @ raw, atol=tolerance, rtol=1e-5)
    assert '24 rows of 16, 6 of zeros left out' in capsys.readouterr().out


def test_of_dinotxt_the_half_of_patches_is_taken(write_h5, tmp_path):
    rows = np.random.default_rng(0).standard_normal((3, 2048)).astype(np.float32)
    source = write_h5(rows, None)
    named = source.with_name('clip-coco_captions_text_embeddings-DINO.txt-3.h5')
    out = tmp_path / 'memory.safetensors'
    assert run('memory_h5_to_safetensors', source.rename(named), out, '--no-texts') == 0
    memory = load_memory(out)
    assert memory.space == 'dinotxt-vitl14-reg'
    raw = memory.embeddings * memory.norms[:, None]
    torch.testing.assert_close(raw, torch.from_numpy(rows[:, 1024:]))


def test_columns_of_a_memory(write_h5, tmp_path):
    rows = np.random.default_rng(0).standard_normal((5, 8)).astype(np.float32)
    source, out = write_h5(rows, None), tmp_path / 'memory.safetensors'
    arguments = (source, out, '--columns', 4, 8, '--no-texts')
    assert run('memory_h5_to_safetensors', *arguments) == 0
    memory = load_memory(out)
    raw = memory.embeddings * memory.norms[:, None]
    torch.testing.assert_close(raw, torch.from_numpy(rows[:, 4:]))
    assert memory.texts is None


@pytest.mark.parametrize(
    ('rows', 'texts', 'message'),
    [
        (np.zeros((3, 4), np.float32), ['a', 'b', 'c'], 'every row is zero'),
        (np.full((3, 4), np.nan, np.float32), ['a', 'b', 'c'], 'NaN or infinity in rows [0, 1, 2]'),
        (np.ones((3, 4), np.float32), ['a'], 'one text for each of 3 rows, got (1,)'),
        (np.ones((3, 4), np.float32), None, 'expected one dataset *-text, found none'),
        (np.ones(3, np.float32), ['a', 'b', 'c'], 'expected /coco_captions-embeddings to be rows'),
    ],
)
def test_unfit_memories_are_refused(write_h5, tmp_path, capsys, rows, texts, message):
    out = tmp_path / 'memory.safetensors'
    assert run('memory_h5_to_safetensors', write_h5(rows, texts), out) == 2
    error = capsys.readouterr().err
    assert message in error and error.count('\n') == 1
    assert not out.exists()


def test_files_that_are_no_hdf5_and_missing_columns(write_h5, tmp_path, capsys):
    (tmp_path / 'page.h5').write_text('<html>')
    out = tmp_path / 'memory.safetensors'
    assert run('memory_h5_to_safetensors', tmp_path / 'page.h5', out) == 2
    assert 'name the space of its rows with --space' in capsys.readouterr().err
    assert run('memory_h5_to_safetensors', tmp_path / 'page.h5', out, '--space', 'x') == 2
    assert 'not a readable HDF5 file' in capsys.readouterr().err
    source = write_h5(np.ones((3, 4), np.float32), ['a', 'b', 'c'])
    assert run('memory_h5_to_safetensors', source, out, '--columns', 1024, 2048) == 2
    assert 'columns 1024 to 2048 are not within the 4' in capsys.readouterr().err


def test_without_h5py_the_remedy_is_told(write_h5, tmp_path, capsys, monkeypatch):
    source = write_h5(np.ones((3, 4), np.float32), ['a', 'b', 'c'])
    monkeypatch.setitem(sys.modules, 'h5py', None)
    assert run('memory_h5_to_safetensors', source, tmp_path / 'memory.safetensors') == 2
    assert 'pip install h5py' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('name', 'space'),
    [
        ('coco_captions_text_embeddings-B16-ViT-B.16-591753.h5', 'talk2dino-vitb14-reg'),
        ('vg_text_embeddings-B16-linear-ViT-B.16-9.h5', 'talk2dino-linear-vitb14-reg'),
        ('clip-coco_captions_text_embeddings-ViT-B.16-500000.h5', 'clip-vit-base-patch16'),
        ('invite-coco_captions_text_embeddings-ViT-B.16-500000.h5', 'clip-vit-base-patch16'),
        ('clip-coco_captions_text_embeddings-ViT-B.32-500000.h5', 'clip-vit-base-patch32'),
        ('clip-coco_captions_text_embeddings-DINO.txt-591753.h5', 'dinotxt-vitl14-reg'),
        ('regionclip-coco_captions_text_embeddings-regionclip-rn50.h5', 'regionclip-rn50'),
        ('denseclip-coco_captions_text_embeddings-denseclip-B16-500000.h5', 'denseclip-vitb16'),
        ('memory.h5', None),
    ],
)
def test_the_space_of_a_memory_by_its_published_name(name, space):
    assert published_space(name) == space
