"""ViECap's entities, prompts, captions and perplexities, against the released code."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mmpatchioner.checkpoints import Memory, save_safetensors
from mmpatchioner.checkpoints.entities import convert_entities
from mmpatchioner.checkpoints.viecap import convert_viecap, viecap_arguments
from mmpatchioner.models.decoders import EntityPrompt, GPT2Tokenizer
from mmpatchioner.registry import MODELS


@pytest.fixture(scope='module')
def record(recorded):
    return recorded('viecap')


@pytest.fixture(scope='module')
def bank(record):
    return Memory.from_rows(record.tensors['bank'], record.values['entities'])


@pytest.fixture(scope='module')
def tokenizer(record, tmp_path_factory):
    path = tmp_path_factory.mktemp('tokenizer') / 'tokenizer.json'
    path.write_text(json.dumps(record.values['tokenizer']))
    return dict(type='mmpatchioner.GPT2Tokenizer', file=str(path), clean='none')


@pytest.fixture(scope='module')
def decoder(record, bank, tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp('viecap')
    weights = record.part('weights.')
    weights['gpt.lm_head.weight'] = weights['gpt.transformer.wte.weight']
    torch.save(weights, folder / 'coco_prefix-0014.pt')
    sizes = record.values['sizes']
    converted = convert_viecap(folder / 'coco_prefix-0014.pt', num_layers=sizes['num_layers'])
    save_safetensors(converted.tensors, folder / 'decoder.safetensors')
    decoder = MODELS.build(
        dict(
            type='mmpatchioner.ViECapDecoder',
            **viecap_arguments(converted),
            num_heads=sizes['num_heads'],
            hard_prompt=dict(type='mmpatchioner.EntityPrompt', entities=bank),
            tokenizer=tokenizer,
            init_cfg=dict(type='Pretrained', checkpoint=str(folder / 'decoder.safetensors')),
        )
    )
    decoder.init_weights()
    return decoder


def test_entities(record, bank):
    prompt = EntityPrompt(bank)
    vectors, shares = record.tensors['vectors'], record.tensors['entity_shares']
    cosines = F.normalize(vectors, dim=1) @ prompt.directions.T
    torch.testing.assert_close((cosines / prompt.temperature).softmax(1), shares, atol=1e-5, rtol=0)
    assert prompt.entities(vectors) == record.values['chosen']
    assert {len(names) for names in record.values['chosen']} == {1, 2}


def test_entities_of_the_real_vocabulary(record, shared_data):
    path = shared_data / 'weights' / 'coco80_entities_talk2dino_vitb.npz'
    memory = convert_entities(path, np.load(path)['names'].tolist())
    prompt, cases = EntityPrompt(memory), record.values['real']
    rows = torch.tensor([case['rows'] for case in cases])
    share = torch.tensor([case['share'] for case in cases])[:, None]
    directions = memory.embeddings
    vectors = share * directions[rows[:, 0]] + (1 - share) * directions[rows[:, 1]]
    assert prompt.entities(vectors) == [case['names'] for case in cases]
    assert {len(case['names']) for case in cases} >= {1, 2}
    cosines = F.normalize(vectors, dim=1) @ prompt.directions.T
    shares = (cosines / prompt.temperature).softmax(dim=1).topk(3).values
    theirs = torch.tensor([case['shares'] for case in cases])
    torch.testing.assert_close(shares, theirs, atol=1e-4, rtol=0)


def test_tokens_of_prompts(record, tokenizer, bank):
    words = GPT2Tokenizer(file=tokenizer['file'])
    ours = [words.encode(text) for text in EntityPrompt(bank)(record.tensors['vectors'])]
    assert ours == record.values['prompts']


def test_captions_and_perplexities(record, decoder):
    captions = decoder.generate(record.tensors['vectors'], official_scores=True)
    assert captions.texts == record.values['captions']
    theirs = torch.tensor(record.values['perplexities'])
    torch.testing.assert_close(captions.official_scores.log(), theirs.log(), atol=5e-5, rtol=0)


def test_beams(record, decoder):
    assert decoder.generate(record.tensors['vectors'], num_beams=5).texts == record.values['beams']


def test_captions_do_not_depend_on_the_batch(record, decoder):
    faults = record.values['faults']
    alone, together = record.values['captions'], faults['together']
    longest = max(map(len, record.values['prompts']))
    for prompt, one, other in zip(record.values['prompts'], alone, together, strict=True):
        # The released code fills shorter prompts up with exclamation marks, from which the captions go on.
        assert (one == other) == (len(prompt) == longest)
    for vector, text in zip(record.tensors['vectors'], alone, strict=True):
        assert decoder.generate(vector[None]).texts == [
            text
        ]  # a list also of one, which is a str there
    # ... with a perplexity for each of its letters.
    assert (faults['type_of_one'], faults['perplexities_of_one']) == ('str', len(alone[0]))


def test_a_caption_of_one_token_has_a_perplexity(record, decoder):
    assert record.values['faults']['perplexity_of_one_token_is_nan']
    captions = decoder.generate(record.tensors['vectors'], max_length=1, official_scores=True)
    assert captions.official_scores.tolist() == [1.0] * len(record.tensors['vectors'])


def test_default_ranking_is_not_inverted(record, decoder):
    captions = decoder.generate(record.tensors['vectors'], official_scores=True)
    assert (captions.scores < 0).all()
    # The released code ranks by perplexity, the highest first.
    surest = captions.official_scores.argmin()
    assert captions.official_scores[surest] < captions.official_scores.mean()
    means = captions.token_log_probs.sum(1) / (captions.token_log_probs != 0).sum(1)
    torch.testing.assert_close(captions.scores, means)


def test_vectors_stay_as_they_are(record, decoder):
    assert record.values['faults']['vectors_are_changed'] is True
    vectors = record.tensors['vectors'].clone()
    decoder.generate(vectors)
    assert torch.equal(vectors, record.tensors['vectors'])
