from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpatchioner.datasets.phrases import NounPhrases, normalise_caption, noun_phrases


@pytest.mark.parametrize(
    ('caption', 'expected'),
    [
        ('A man in a red shirt is riding a horse.', ['a man', 'a red shirt', 'a horse']),
        ('A group of people stand near the water', ['a group of people', 'the water']),
        ('a black and white dog runs', ['a black and white dog']),
        ('a dog and a cat', ['a dog', 'a cat']),
        ("the man's hat", ["the man 's hat"]),
        ('a swimming pool behind two buildings', ['a swimming pool', 'two buildings']),
        ('a boy poses for a picture', ['a boy']),
        ('running quickly', []),
        ('', []),
    ],
)
def test_rules(caption, expected):
    assert noun_phrases(caption) == expected


def test_a_verb_after_a_determiner_is_a_noun():
    assert noun_phrases('the man takes a run') == ['the man', 'a run']


def test_statistics_drop_dangling_words():
    captions = [
        'a tall man walks',
        'tall people sit',
        'a tall tree',
        'the man',
        'people',
        'a tree',
        'man',
    ]
    cut = NounPhrases.fit([*captions, *captions, *captions])
    assert cut('a man is tall') == ['a man']
    assert cut('the unheard of word') == []
    assert noun_phrases('a man is tall') == ['a man', 'tall']


def test_normalised_words():
    assert (
        normalise_caption('A Dog\u2019s  ball, 3 times - well-known!')
        == "a dog 's ball 3 times well-known"
    )


@given(st.text())
def test_phrases_are_cut_out_of_the_caption(caption):
    words = normalise_caption(caption)
    assert normalise_caption(words) == words
    for phrase in noun_phrases(caption):
        assert phrase in words
        assert 1 <= len(phrase.split()) <= 7
