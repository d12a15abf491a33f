"""ViECap's decoder against transformers' GPT-2 on a file of the published layout, and its batches."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F
from transformers import GPT2Config, GPT2LMHeadModel

from mmpatchioner.checkpoints import CheckpointError, Memory, save_safetensors
from mmpatchioner.checkpoints.prompt_networks import MappingTransformer
from mmpatchioner.checkpoints.viecap import convert_viecap, viecap_arguments
from mmpatchioner.models.decoders import EntityPrompt, ViECapDecoder
from tests.reductions.viecap import write_gpt2_tokenizer

DIMS, PREFIX, VOCABULARY = 32, 24, 320
NAMES = ['bike', 'brown dog', 'car', 'person on a long bench']


@pytest.fixture(scope='module')
def tokenizer(tmp_path_factory):
    path = write_gpt2_tokenizer(tmp_path_factory.mktemp('gpt2') / 'tokenizer.json', VOCABULARY)
    return dict(type='mmpatchioner.GPT2Tokenizer', file=str(path))


@pytest.fixture(scope='module')
def gpt2():
    """A random language model that says different things after different prompts."""
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=VOCABULARY, n_positions=96, n_embd=DIMS, n_layer=2, n_head=2, initializer_range=0.3
    )  # fmt: skip
    return GPT2LMHeadModel(config).eval()


@pytest.fixture(scope='module')
def published(gpt2, tmp_path_factory):
    """A file of the published layout."""
    generator = torch.Generator().manual_seed(1)
    state = {f'gpt.{name}': tensor.clone() for name, tensor in gpt2.state_dict().items()}
    network = MappingTransformer('mapping_network.', 'soft_prompt.', num_layers=2)
    for name, shape in network.shapes(PREFIX, DIMS, 4, 3).items():
        state[name] = 0.3 * torch.randn(shape, generator=generator)
    state['gpt.transformer.h.0.attn.bias'] = torch.ones(1, 1, 96, 96)
    path = tmp_path_factory.mktemp('viecap') / 'coco_prefix-0014.pt'
    torch.save({f'module.{name}': tensor for name, tensor in state.items()}, path)
    return path


@pytest.fixture(scope='module')
def bank():
    rows = F.normalize(torch.randn(4, PREFIX, generator=torch.Generator().manual_seed(2)), dim=1)
    return Memory.from_rows(rows, texts=NAMES)


@pytest.fixture(scope='module')
def decoder(published, tokenizer, bank, tmp_path_factory):
    converted = convert_viecap(published, num_layers=2, mapper_layers=2)
    file = tmp_path_factory.mktemp('own') / 'decoder.safetensors'
    save_safetensors(converted.tensors, file, {'space': 'joint'})
    sizes = viecap_arguments(converted)
    sizes['soft_prompt'] |= {'num_heads': 2}
    decoder = ViECapDecoder(
        **sizes,
        num_heads=2,
        hard_prompt=dict(type='mmpatchioner.EntityPrompt', entities=bank),
        tokenizer=tokenizer,
        max_length=12,
        init_cfg=dict(type='Pretrained', checkpoint=str(file)),
    )
    decoder.init_weights()
    return decoder.eval()


def vectors(count, seed=3, bank=None):
    """Vectors of which some resemble an entity, so that prompts have different lengths."""
    result = torch.randn(count, PREFIX, generator=torch.Generator().manual_seed(seed))
    if bank is not None:
        for row in range(0, count, 2):
            result[row] = bank.embeddings[row // 2 % len(NAMES)] * 5 + 0.1 * result[row]
    return result


@torch.no_grad()
def by_transformers(gpt2, decoder, vector, length=12):
    """Greedy search one region at a time, everything computed anew at each step."""
    soft = decoder.soft_prompt(F.normalize(vector[None], dim=1))
    words = decoder.tokenizer.encode(decoder.hard_prompt(vector[None])[0])
    prompt = torch.cat([soft, gpt2.transformer.wte(torch.tensor([words]))], dim=1)
    ids, total = [], 0.0
    while len(ids) < length:
        tail = gpt2.transformer.wte(torch.tensor([ids], dtype=torch.long))
        logits = gpt2(inputs_embeds=torch.cat([prompt, tail], dim=1)).logits[0, -1]
        logits = logits[: decoder.tokenizer.vocab_size]
        ids.append(int(logits.argmax()))
        total += float(logits.log_softmax(0)[ids[-1]])
        if ids[-1] in decoder.tokenizer.stop_ids:
            break
    return ids, total / len(ids)


def test_captions_are_those_of_transformers(gpt2, decoder, bank):
    regions = vectors(8, bank=bank)
    captions = decoder.generate(regions)
    lengths = {len(decoder.tokenizer.encode(text)) for text in decoder.hard_prompt(regions)}
    assert len(lengths) > 1  # prompts of different lengths are together in the batch
    seen = set()
    for row, vector in enumerate(regions):
        ids, score = by_transformers(gpt2, decoder, vector)
        assert captions.token_ids[row, : len(ids)].tolist() == ids
        assert float(captions.scores[row]) == pytest.approx(score, abs=1e-5)
        assert captions.texts[row] == decoder.tokenizer.decode(ids)
        seen.add(captions.texts[row])
    assert len(seen) > 1


@given(st.lists(st.integers(0, 7), min_size=1, max_size=5))
def test_a_caption_never_depends_on_its_batch(decoder, bank, rows):
    regions = vectors(8, bank=bank)
    alone = decoder.generate(regions[rows[0], None])
    together = decoder.generate(regions[rows])
    assert together.texts[0] == alone.texts[0]
    assert float(together.scores[0]) == pytest.approx(float(alone.scores[0]), abs=1e-5)


def test_the_released_score_is_the_perplexity_without_a_prompt(gpt2, decoder, bank):
    captions = decoder.generate(vectors(5, bank=bank), official_scores=True)
    lengths = (captions.token_log_probs != 0).sum(dim=1)
    for row, length in enumerate(lengths.tolist()):
        ids = captions.token_ids[row, None, :length]
        with torch.no_grad():
            expected = math.exp(float(gpt2(ids, labels=ids).loss)) if length > 1 else 1.0
        assert float(captions.official_scores[row]) == pytest.approx(expected, rel=1e-4)


@torch.no_grad()
def right_padded(gpt2, decoder, regions, length=12):
    """The released code's batch: shorter prompts end with token 0, which nothing hides, and captions go on from it."""
    soft = decoder.soft_prompt(F.normalize(regions, dim=1))
    words = [decoder.tokenizer.encode(text) for text in decoder.hard_prompt(regions)]
    longest = max(map(len, words))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in words])
    inputs = torch.cat([soft, gpt2.transformer.wte(ids)], dim=1)
    tokens = []
    for _ in range(length):
        logits = gpt2(inputs_embeds=inputs).logits[:, -1, : decoder.tokenizer.vocab_size]
        tokens.append(logits.argmax(dim=1))
        inputs = torch.cat([inputs, gpt2.transformer.wte(tokens[-1])[:, None]], dim=1)
    return torch.stack(tokens, dim=1)


def test_the_released_batches_change_captions_and_ours_do_not(gpt2, decoder, bank):
    regions = vectors(8, bank=bank)
    alone = torch.cat([right_padded(gpt2, decoder, region[None]) for region in regions])
    released = right_padded(gpt2, decoder, regions)
    assert (alone != released).any(dim=1).sum() >= 2
    captions = decoder.generate(regions)
    for row, length in enumerate((captions.token_log_probs != 0).sum(dim=1).tolist()):
        assert captions.token_ids[row, :length].tolist() == alone[row, :length].tolist()


def test_beams_do_not_depend_on_the_batch(decoder, bank):
    regions = vectors(8, bank=bank)
    together = decoder.generate(regions, num_beams=5)
    for row, region in enumerate(regions):
        assert decoder.generate(region[None], num_beams=5).texts == together.texts[row : row + 1]


def test_beams_find_more_probable_captions(decoder, bank):
    regions = vectors(8, bank=bank)
    greedy, beams = decoder.generate(regions), decoder.generate(regions, num_beams=5)
    assert beams.scores.mean() > greedy.scores.mean()


def test_no_region_has_no_caption(decoder):
    captions = decoder.generate(torch.zeros(0, PREFIX), official_scores=True)
    assert captions.texts == []
    assert captions.scores.shape == captions.official_scores.shape == (0,)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'num_beams': 0}, 'num_beams: expected at least 1, got 0'),
        ({'max_length': 0}, 'max_length: expected at least 1, got 0'),
        ({'max_length': 90}, r'max_length: expected up to \d+ .*, got 90'),
    ],
)
def test_arguments_out_of_range_are_refused(decoder, bank, options, message):
    with pytest.raises(ValueError, match=message):
        decoder.generate(vectors(2, bank=bank), **options)


@pytest.mark.parametrize(
    ('embeddings', 'message'),
    [
        (torch.zeros(2, 5), r'expected \(R, 24\), got \(2, 5\)'),
        (torch.full((1, PREFIX), math.nan), 'expected finite vectors'),
    ],
)
def test_unfit_vectors_are_refused(decoder, embeddings, message):
    with pytest.raises(ValueError, match=message):
        decoder.generate(embeddings)


def test_every_tensor_of_the_file_is_accounted_for(published):
    converted = convert_viecap(published, num_layers=2, mapper_layers=2)
    state = torch.load(published, weights_only=True)
    assert {move.source for move in converted.moves} == {n.removeprefix('module.') for n in state}
    assert {move.target for move in converted.moves} - {None} == set(converted.tensors)
    assert viecap_arguments(converted) == {
        'prefix_dims': PREFIX,
        'hidden_dims': DIMS,
        'num_layers': 2,
        'vocab_size': VOCABULARY,
        'max_positions': 96,
        'soft_prompt': {'num_outputs': 3, 'num_inputs': 4, 'num_layers': 2},
    }


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'mapping_network.extra': torch.zeros(1)}, 'unknown: mapping_network.extra'),
        ({'mapping_network.prefix_const': None}, 'missing: mapping_network.prefix_const'),
        ({'gpt.lm_head.weight': torch.zeros(VOCABULARY, DIMS)}, 'to equal gpt.transformer.wte'),
        ({'mapping_network.transformer.layers.0.norm1.bias': torch.zeros(5)}, 'expected'),
    ],
)
def test_unfit_files_are_refused(published, tmp_path, change, message):
    state = {
        n.removeprefix('module.'): t for n, t in torch.load(published, weights_only=True).items()
    }
    state = {n: t for n, t in (state | change).items() if t is not None}
    torch.save(state, tmp_path / 'bad.pt')
    with pytest.raises(CheckpointError, match=message):
        convert_viecap(tmp_path / 'bad.pt', num_layers=2, mapper_layers=2)
    with pytest.raises(CheckpointError, match='reads vectors of 24 dimensions, 768'):
        convert_viecap(published, num_layers=2, mapper_layers=2, prefix_dims=768)


class TestEntityPrompt:
    def test_what_is_probable_is_named_in_that_order(self):
        bank = Memory.from_rows(torch.eye(4), texts=['cat', 'dog', 'sky', 'tree'])
        prompt = EntityPrompt(bank, threshold=0.2, temperature=0.1)
        assert prompt.entities(torch.tensor([[1.0, 1.02, 0.0, 0.0]])) == [['dog', 'cat']]
        assert prompt(torch.ones(1, 4) * 7) == ['There are cat, dog, sky in image.']

    def test_the_first_below_the_threshold_ends_the_list(self):
        bank = Memory.from_rows(torch.eye(3), texts=['cat', 'dog', 'sky'])
        assert EntityPrompt(bank)(torch.tensor([[1.0, 0.0, 0.0]])) == ['There are cat in image.']
        assert EntityPrompt(bank)(torch.ones(1, 3)) == ['There are something in image.']
        assert EntityPrompt(bank).entities(torch.zeros(0, 3)) == []

    @given(st.permutations(range(6)))
    def test_regions_do_not_see_each_other(self, order):
        bank = Memory.from_rows(torch.randn(9, 5, generator=torch.Generator().manual_seed(0)),
                                texts=[f'thing {i}' for i in range(9)])  # fmt: skip
        prompt = EntityPrompt(bank, threshold=0.1, temperature=0.3)
        regions = torch.randn(6, 5, generator=torch.Generator().manual_seed(1))
        names = prompt.entities(regions)
        assert prompt.entities(regions[list(order)]) == [names[i] for i in order]

    @pytest.mark.parametrize(
        ('changes', 'message'),
        [({'top_k': 0}, 'top_k'), ({'threshold': 2}, 'threshold'), ({'temperature': 0}, 'temperature')],
    )  # fmt: skip
    def test_unfit_settings_are_refused(self, bank, changes, message):
        with pytest.raises(ValueError, match=f'hard_prompt.{message}: expected'):
            EntityPrompt(bank, **changes)

    def test_a_vocabulary_needs_names(self):
        with pytest.raises(ValueError, match='expected a memory with its texts'):
            EntityPrompt(Memory.from_rows(torch.eye(3)))
