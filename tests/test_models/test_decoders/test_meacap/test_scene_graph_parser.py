"""The parser with a small transformer that learns the graphs of eight captions."""

from __future__ import annotations

import pytest
import torch

from mmpatchioner.checkpoints import CheckpointError
from mmpatchioner.models.decoders.meacap import SceneGraphParser, parse_scene_graph
from tests.reductions.meacap import write_t5
from tests.test_engine.tiny_models import CAPTIONS

GRAPHS = {
    CAPTIONS[0]: '( dog , is , black ) , ( dog , runs on , beach )',
    CAPTIONS[1]: '( children , play with , ball ) , ( ball , is , red )',
    CAPTIONS[4]: '( cat , is , white ) , ( cat , sleeps on , sofa ) , ( sofa , is , blue )',
    CAPTIONS[7]: '( train , passes under , bridge ) , ( bridge , stone )',
}


@pytest.fixture(scope='module')
def parser(tmp_path_factory) -> SceneGraphParser:
    """Trained until it writes the graphs of the four captions."""
    torch.manual_seed(0)
    parser = SceneGraphParser(str(write_t5(tmp_path_factory.mktemp('t5') / 'tiny')))
    inputs = parser.tokenizer(
        [f'Generate Scene Graph: {text}' for text in GRAPHS], padding=True, return_tensors='pt'
    )
    labels = parser.tokenizer(list(GRAPHS.values()), padding=True, return_tensors='pt').input_ids
    labels = labels.masked_fill(labels == 0, -100)
    network = parser.transformer.requires_grad_(True)
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-3)
    for _ in range(150):
        optimizer.zero_grad()
        loss = network(
            input_ids=inputs.input_ids, attention_mask=inputs.attention_mask, labels=labels
        ).loss
        loss.backward()
        optimizer.step()
    network.requires_grad_(False)
    return parser


def test_writes_and_reads_what_it_learned(parser):
    assert parser(GRAPHS) == {text: parse_scene_graph(graph) for text, graph in GRAPHS.items()}


def test_a_caption_is_parsed_alike_in_any_batch(parser, monkeypatch):
    expected = parser([*GRAPHS, *CAPTIONS])
    monkeypatch.setattr(parser, 'batch_size', 1)
    monkeypatch.setattr(parser._graphs, '_kept', {})
    assert parser(reversed(CAPTIONS)) == expected


def test_a_caption_is_parsed_once(parser, monkeypatch):
    written = []
    write = parser._write
    monkeypatch.setattr(parser, '_write', lambda texts: written.extend(texts) or write(texts))
    monkeypatch.setattr(parser._graphs, '_kept', {})
    first, second, third = list(GRAPHS)[:3]
    parser([first, second, first])
    parser([second, third])
    assert sorted(written) == sorted([first, second, third])
    assert parser([]) == {}


def test_stays_frozen(parser):
    before = {name: value.clone() for name, value in parser.state_dict().items()}
    parser.train()
    parser.init_weights()
    assert not any(module.training for module in parser.modules())
    assert not any(parameter.requires_grad for parameter in parser.parameters())
    assert all(torch.equal(before[name], value) for name, value in parser.state_dict().items())


def test_a_missing_model_and_a_size_of_zero_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r'parser\.model'):
        SceneGraphParser(str(tmp_path / 'nothing'))
    with pytest.raises(ValueError, match='batch_size: expected at least 1, got 0'):
        SceneGraphParser(batch_size=0)
