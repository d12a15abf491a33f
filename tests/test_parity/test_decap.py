"""Captions and scores of the DeCap decoder, against the released code."""

from __future__ import annotations

import pytest
import torch

from mmpatchioner.checkpoints.decap import convert_decap
from mmpatchioner.registry import MODELS
from tests.test_parity.published import assert_same_scores, decap_checkpoint, decap_decoder


@pytest.fixture(scope='module')
def checkpoint(recorded, tmp_path_factory):
    return decap_checkpoint(recorded('decap').part('weights.'), tmp_path_factory.mktemp('decap'))


def build(checkpoint, recorded):
    tokens = recorded('decap').values['tokens']
    decoder = MODELS.build(decap_decoder(checkpoint, tokens, checkpoint.parent))
    decoder.init_weights()
    return decoder


@pytest.fixture(scope='module')
def decoder(checkpoint, recorded):
    return build(checkpoint, recorded)


def test_captions_and_scores(recorded, decoder):
    record = recorded('decap')
    captions = decoder.generate(record.tensors['vectors'], official_scores=True)
    assert captions.texts == record.values['texts']
    assert_same_scores(captions.official_scores, torch.tensor(record.values['scores']))
    assert len(set(captions.texts)) == len(captions.texts)


def test_default_scores_end_with_the_caption(recorded, decoder):
    record = recorded('decap')
    captions = decoder.generate(record.tensors['vectors'])
    assert captions.texts == record.values['texts']
    lengths = (captions.token_log_probs != 0).sum(dim=1)
    assert lengths.min() < 10 < lengths.max()
    totals = captions.token_log_probs.sum(dim=1)
    torch.testing.assert_close(captions.scores, totals / lengths)
    # The released score goes on after the end and knows no length.
    theirs = torch.tensor(record.values['scores']).log()
    ended = lengths < 30
    assert (totals[ended] > theirs[ended]).all()
    assert captions.scores.argsort().tolist() != theirs.argsort().tolist()


def test_an_untrained_token_costs_nobody_a_caption(recorded, checkpoint, tmp_path):
    record = recorded('decap')
    assert record.values['faults']['texts_with_an_untrained_token'] is None
    state = torch.load(checkpoint, weights_only=True)
    table = state['decoder.transformer.wte.weight'].clone()
    table[50000] = 3 * table[49406]
    changed = {
        name: table if value.shape == table.shape else value for name, value in state.items()
    }
    torch.save(changed, tmp_path / 'changed.pt')
    captions = build(tmp_path / 'changed.pt', recorded).generate(record.tensors['vectors'])
    assert captions.texts == record.values['texts']


def test_weights_of_distributed_training_are_loaded(recorded, checkpoint, tmp_path):
    name = 'weights_with_module_before_their_names_are_loaded'
    assert recorded('decap').values['faults'][name] is False
    state = torch.load(checkpoint, weights_only=True)
    torch.save({f'module.{key}': value for key, value in state.items()}, tmp_path / 'module.pt')
    plain, distributed = convert_decap(checkpoint), convert_decap(tmp_path / 'module.pt')
    assert all(torch.equal(plain.tensors[key], value) for key, value in distributed.tensors.items())
