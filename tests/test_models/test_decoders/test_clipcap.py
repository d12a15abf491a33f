"""ClipCap's decoder against transformers' GPT-2 on a file of the published layout, and what it draws."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import GPT2Config, GPT2LMHeadModel

from mmpatchioner.checkpoints import CheckpointError
from mmpatchioner.checkpoints.clipcap import clipcap_arguments, convert_clipcap
from mmpatchioner.checkpoints.prompt_networks import MappingTransformer
from mmpatchioner.checkpoints.viecap import convert_viecap
from mmpatchioner.models.decoders import ClipCapDecoder, ViECapDecoder
from tests.reductions.text import CAPTIONS
from tests.reductions.viecap import write_gpt2_tokenizer
from tests.test_engine.tiny_models import WordVectorEncoder
from tests.test_tools.converting import run

DIMS, PREFIX, LENGTH, VOCABULARY = 32, 24, 3, 320
CONFIG = GPT2Config(
    vocab_size=VOCABULARY, n_positions=96, n_embd=DIMS, n_layer=2, n_head=2, initializer_range=0.3
)  # fmt: skip


@pytest.fixture(scope='module')
def tokenizer(tmp_path_factory):
    path = write_gpt2_tokenizer(tmp_path_factory.mktemp('gpt2') / 'tokenizer.json', VOCABULARY)
    return dict(type='mmpatchioner.GPT2Tokenizer', file=str(path))


@pytest.fixture(scope='module')
def state():
    """Published tensors; the language model says different things after different prefixes."""
    torch.manual_seed(0)
    model = GPT2LMHeadModel(CONFIG)
    state = {f'gpt.{name}': tensor.clone() for name, tensor in model.state_dict().items()}
    width = LENGTH * DIMS
    for name, shape in {
        '0.weight': (width // 2, PREFIX),
        '0.bias': (width // 2,),
        '2.weight': (width, width // 2),
        '2.bias': (width,),
    }.items():
        state[f'clip_project.model.{name}'] = 0.3 * torch.randn(shape)
    return state


@pytest.fixture(scope='module')
def published(state, tmp_path_factory):
    path = tmp_path_factory.mktemp('clipcap') / 'coco_prefix-009.pt'
    torch.save(state, path)
    return path


@pytest.fixture(scope='module')
def decoder(published, tokenizer, tmp_path_factory):
    file = tmp_path_factory.mktemp('own') / 'decoder.safetensors'
    assert run('clipcap_to_mmpatchioner', published, file, '--num-layers', 2) == 0
    sizes = clipcap_arguments(convert_clipcap(published, num_layers=2))
    init_cfg = dict(type='Pretrained', checkpoint=str(file))
    decoder = ClipCapDecoder(
        **sizes, num_heads=2, tokenizer=tokenizer, max_length=12, init_cfg=init_cfg
    )
    decoder.init_weights()
    return decoder.eval()


@pytest.fixture
def greedy(decoder, monkeypatch):
    monkeypatch.setattr(decoder, 'nucleus', None)
    return decoder


def vectors(count: int) -> torch.Tensor:
    return torch.randn(count, PREFIX, generator=torch.Generator().manual_seed(3))


@torch.no_grad()
def test_captions_are_those_of_transformers(state, greedy):
    model = GPT2LMHeadModel(CONFIG).eval()
    model.load_state_dict({n[4:]: t for n, t in state.items() if n.startswith('gpt.')})
    regions = vectors(6)
    captions = greedy.generate(regions, official_scores=True)
    project = {n.removeprefix('clip_project.model.'): t for n, t in state.items()}
    for row, region in enumerate(regions):
        inner = (project['0.weight'] @ region + project['0.bias']).tanh()
        prefix = (project['2.weight'] @ inner + project['2.bias']).reshape(1, LENGTH, DIMS)
        ids: list[int] = []
        while len(ids) < 12 and not (ids and ids[-1] in greedy.tokenizer.stop_ids):
            tail = model.transformer.wte(torch.tensor([ids], dtype=torch.long))
            logits = model(inputs_embeds=torch.cat([prefix, tail], dim=1)).logits[0, -1]
            ids.append(int(logits[: greedy.tokenizer.vocab_size].argmax()))
        assert captions.token_ids[row, : len(ids)].tolist() == ids
        tokens = torch.tensor([ids])
        perplexity = math.exp(float(model(tokens, labels=tokens).loss)) if len(ids) > 1 else 1.0
        assert float(captions.official_scores[row]) == pytest.approx(1 / perplexity, rel=1e-4)
    assert len(set(captions.texts)) > 1


@given(st.lists(st.integers(0, 7), min_size=1, max_size=5))
def test_what_is_drawn_does_not_depend_on_the_batch(decoder, rows):
    regions = vectors(8)
    alone = decoder.generate(regions[rows[0], None])
    together = decoder.generate(regions[rows])
    assert together.texts[0] == alone.texts[0]
    assert float(together.scores[0]) == pytest.approx(float(alone.scores[0]), abs=1e-5)


def test_a_seed_fixes_what_is_drawn(decoder, tokenizer):
    captions = decoder.generate(vectors(8))
    torch.manual_seed(99)
    assert decoder.generate(vectors(8)).texts == captions.texts
    other = ClipCapDecoder(
        PREFIX, tokenizer, LENGTH, seed=1, hidden_dims=DIMS, num_layers=2, num_heads=2,
        vocab_size=VOCABULARY, max_positions=96, max_length=12,
    ).eval()  # fmt: skip
    other.load_state_dict(decoder.state_dict())
    assert other.generate(vectors(8)).texts != captions.texts


def test_beams_are_refused_where_tokens_are_drawn(decoder):
    with pytest.raises(ValueError, match='num_beams: expected 1 where tokens are drawn, got 3'):
        decoder.generate(vectors(2), num_beams=3)


def test_a_caption_ends_with_its_first_full_stop(decoder):
    ids = decoder.tokenizer.encode('A dog runs. Two people')
    assert decoder.to_text(ids) == 'A dog runs'


def test_captions_that_were_learnt_are_written_again(tokenizer):
    torch.manual_seed(0)
    decoder = ClipCapDecoder(
        32, tokenizer, LENGTH, top_p=None, hidden_dims=32, num_layers=2, num_heads=2,
        vocab_size=VOCABULARY, max_positions=96, dropout=0.0, max_length=20,
    )  # fmt: skip
    embeddings = 7 * WordVectorEncoder().encode(CAPTIONS)
    optimizer = torch.optim.AdamW(decoder.parameters(), lr=5e-3)
    losses = []
    for _ in range(100):
        loss = decoder.loss(embeddings, CAPTIONS)['loss']
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 5
    assert [text.lower() for text in decoder.generate(embeddings).texts] == CAPTIONS


def test_every_tensor_of_the_file_is_accounted_for(published, state):
    converted = convert_clipcap(published, num_layers=2, prefix_dims=PREFIX)
    assert {move.source for move in converted.moves} == set(state)
    assert {move.target for move in converted.moves} - {None} == set(converted.tensors)
    assert clipcap_arguments(converted) == {
        'prefix_dims': PREFIX,
        'prefix_length': LENGTH,
        'hidden_dims': DIMS,
        'num_layers': 2,
        'vocab_size': VOCABULARY,
        'max_positions': 96,
    }


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'clip_project.model.4.weight': torch.zeros(1)}, 'unknown: clip_project.model.4.weight'),
        ({'clip_project.model.2.bias': None}, 'missing: clip_project.model.2.bias'),
        ({'clip_project.model.0.weight': torch.zeros(5, PREFIX)}, 'expected'),
    ],
)
def test_unfit_files_are_refused(state, tmp_path, capsys, change, message):
    content = {name: tensor for name, tensor in (state | change).items() if tensor is not None}
    torch.save(content, tmp_path / 'bad.pt')
    with pytest.raises(CheckpointError, match=message):
        convert_clipcap(tmp_path / 'bad.pt', num_layers=2)
    out = tmp_path / 'out.safetensors'
    assert run('clipcap_to_mmpatchioner', tmp_path / 'bad.pt', out, '--num-layers', 2) == 2
    assert not out.exists()


def test_a_transformer_may_make_the_prefix(state, tokenizer, tmp_path):
    network = MappingTransformer('clip_project.', 'prefix.', num_layers=2)
    shapes = network.shapes(PREFIX, DIMS, num_inputs=4, num_outputs=3)
    generator = torch.Generator().manual_seed(1)
    content = {name: tensor for name, tensor in state.items() if name.startswith('gpt.')}
    content |= {
        name: 0.3 * torch.randn(shape, generator=generator) for name, shape in shapes.items()
    }
    torch.save(content, tmp_path / 'coco_prefix-009.pt')
    file = tmp_path / 'decoder.safetensors'
    layers = ['--num-layers', 2, '--mapper-layers', 2]
    assert run('clipcap_to_mmpatchioner', tmp_path / 'coco_prefix-009.pt', file, *layers) == 0
    sizes = clipcap_arguments(convert_clipcap(tmp_path / 'coco_prefix-009.pt', 2, 2))
    assert sizes['transformer'] == {'num_outputs': 3, 'num_inputs': 4, 'num_layers': 2}
    init_cfg = dict(type='Pretrained', checkpoint=str(file))
    clipcap = ClipCapDecoder(**sizes, num_heads=2, tokenizer=tokenizer, init_cfg=init_cfg)
    clipcap.init_weights()
    # The same network as CapDec's, which reads unit vectors; ClipCap's reads their lengths.
    viecap = ViECapDecoder(
        hard_prompt=None,
        soft_prompt=sizes.pop('transformer'),
        **sizes,
        num_heads=2,
        tokenizer=tokenizer,
    )
    capdec = convert_viecap(tmp_path / 'coco_prefix-009.pt', 2, 2)
    viecap.load_state_dict(capdec.tensors)
    unit = torch.nn.functional.normalize(vectors(5), dim=1)
    for ours, theirs in zip(clipcap.prompts(unit), viecap.prompts(9 * unit), strict=True):
        torch.testing.assert_close(ours, theirs)
    assert not torch.allclose(clipcap.prompts(9 * unit)[0], viecap.prompts(9 * unit)[0])


def test_decoders_of_another_width_are_refused(published):
    with pytest.raises(CheckpointError, match='reads vectors of 24 dimensions, 768'):
        convert_clipcap(published, num_layers=2, prefix_dims=768)
