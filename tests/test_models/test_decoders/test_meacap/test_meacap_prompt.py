"""Retrieve, parse, merge, filter: the whole prompt."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from mmpatchioner.checkpoints import Memory
from mmpatchioner.models.decoders import MeaCapPrompt
from mmpatchioner.models.decoders.meacap import SceneGraph, parse_scene_graph
from mmpatchioner.models.decoders.meacap.memo import Memo
from mmpatchioner.models.text_encoders import TextEncoder
from mmpatchioner.registry import MODELS
from tests.reductions.meacap import write_t5
from tests.test_engine.tiny_models import CAPTIONS, write_bert

# Two scenes and what remains: the first five captions are near the first axis, the next five near the second.
SCENES = {
    'dogs run on a bench': '( dog , run on , bench )',
    'a brown puppy': '( puppy , is , brown )',
    'a brown dog near a bench': '( dog , is , brown ) , ( dog , near , bench )',
    'the brown dog': '( dog , brown )',
    'a bench': '( bench )',
    'two men on a wave': '( man , is , 2 ) , ( man , on , wave )',
    'men ride a wave': '( man , ride , wave )',
    'a wave and a man': '( wave ) , ( man , near , wave )',
    'a surfboard': '( surfboard )',
    'a beach': '( beach )',
    'a cat': '( cat )',
    'a train': '( train )',
    'a bird': '( bird )',
    'a fish': '( fish )',
    'a horse': '( horse )',
}
AXES = torch.eye(3).repeat_interleave(5, dim=0)
PROMPTS = [
    'There are brown dog, bench in image.',
    'There are wave, man in image.',  # `men` is not read as a plural
    'There are something in image.',
]


@MODELS.register_module(force=True)
class RecordedParser(nn.Module):
    """Knows the graphs of all captions by heart."""

    def __init__(self, graphs: dict[str, str] = SCENES) -> None:
        super().__init__()
        self.graphs = graphs

    def forward(self, captions) -> dict[str, SceneGraph]:
        return {text: parse_scene_graph(self.graphs[text]) for text in captions}


@MODELS.register_module(force=True)
class PuppyEncoder(TextEncoder):
    """Every name has a direction of its own, but `puppy` has that of `dog`."""

    embed_dims = 64
    space = 'names'

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.encoded: list[str] = []

    def settings(self) -> dict[str, object]:
        return {}

    def encode_batch(self, texts: list[str]) -> Tensor:
        self.encoded += texts
        rows = [sum(map(ord, 'dog' if text == 'puppy' else text)) % 64 for text in texts]
        return F.one_hot(torch.tensor(rows), 64).float() * self.scale


def build(**options) -> MeaCapPrompt:
    cfg = dict(
        type='mmpatchioner.MeaCapPrompt',
        memory=Memory.from_rows(AXES, list(SCENES), {'space': 'scenes'}),
        parser=dict(type='mmpatchioner.RecordedParser'),
        sentence_encoder=dict(type='mmpatchioner.PuppyEncoder'),
    )
    return MODELS.build({**cfg, **options})


@pytest.fixture(scope='module')
def prompt() -> MeaCapPrompt:
    return build()


def test_prompts_name_what_captions_agree_on(prompt):
    assert prompt(7 * torch.eye(3)) == PROMPTS
    assert prompt(torch.zeros(0, 3)) == []


def test_official_passes_over_a_name_at_the_very_start():
    graphs = {f'dogs {word} a bench': '( dog , near , bench )' for word in ('on', 'by', 'near')}
    options = dict(
        memory=Memory.from_rows(torch.ones(3, 2), list(graphs)),
        parser=dict(type='mmpatchioner.RecordedParser', graphs=graphs),
        num_captions=3,
    )
    region = torch.ones(1, 2)
    assert build(**options)(region) == ['There are dog, bench in image.']
    assert build(**options, compat='official')(region) == ['There are bench, dog in image.']


@given(st.lists(st.integers(0, 2), max_size=8))
def test_a_region_gets_the_same_in_any_company(rows):
    assert build()(torch.eye(3)[rows]) == [PROMPTS[row] for row in rows]


def test_a_name_is_encoded_once(prompt):
    prompt(torch.eye(3).repeat(4, 1))
    prompt(torch.eye(3))
    _, encoder = prompt._networks
    assert len(encoder.encoded) == len(set(encoder.encoded))


def test_options_change_what_is_named():
    vectors = torch.eye(3)
    assert build(threshold=1.0)(vectors)[0] == 'There are dog, bench in image.'
    assert build(min_count=4)(vectors)[0] == 'There are dog in image.'
    assert build(max_concepts=1)(vectors)[:2] == [
        'There are brown dog in image.',
        'There are wave in image.',
    ]
    assert build(min_count=1)(vectors)[2].count(',') == 3
    assert build(num_captions=1)(vectors) == [PROMPTS[2]] * 3


def test_the_networks_move_along_but_are_not_in_the_state_dict():
    prompt = build()
    _, encoder = prompt._networks
    assert not prompt.state_dict() and not list(prompt.parameters())
    prompt.double()
    assert encoder.scale.dtype == torch.float64
    assert not encoder.scale.requires_grad
    assert prompt.space == 'scenes'


def test_with_real_networks(tmp_path):
    write_t5(tmp_path / 't5')
    write_bert(tmp_path / 'bert')
    rows = torch.randn(len(CAPTIONS), 16, generator=torch.Generator().manual_seed(0))
    prompt = build(
        memory=Memory.from_rows(rows, CAPTIONS),
        parser=dict(type='mmpatchioner.SceneGraphParser', model=str(tmp_path / 't5'), max_length=9),
        sentence_encoder=dict(
            type='mmpatchioner.SentenceTextEncoder', model=str(tmp_path / 'bert')
        ),
        min_count=1,
    )
    prompts = prompt(rows)
    assert all(text.startswith('There are ') and text.endswith(' in image.') for text in prompts)
    assert [prompt(rows[row : row + 1])[0] for row in range(8)] == prompts


def test_unfit_options_are_refused():
    with pytest.raises(ValueError, match='min_count: expected at least 1, got 0'):
        build(min_count=0)
    with pytest.raises(ValueError, match=r"hard_prompt\.compat: expected None or 'official'"):
        build(compat='paper')
    with pytest.raises(TypeError, match='expected the config of a TextEncoder, got one of Recor'):
        build(sentence_encoder=dict(type='mmpatchioner.RecordedParser'))


def test_a_memo_forgets_the_oldest():
    computed = []
    memo = Memo(lambda texts: computed.extend(texts) or [text.upper() for text in texts], size=2)
    assert memo(['a', 'b', 'c']) == {'a': 'A', 'b': 'B', 'c': 'C'}
    assert memo(['c', 'b']) == {'c': 'C', 'b': 'B'}
    assert computed == ['a', 'b', 'c']
    memo(['a'])
    assert computed == ['a', 'b', 'c', 'a']
