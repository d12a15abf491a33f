from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpatchioner.datasets.localized_narratives.alignment import words_of
from mmpatchioner.datasets.localized_narratives.sentences import split_sentences


@pytest.mark.parametrize(
    ('text', 'sentences'),
    [
        ('', []),
        (' . ... ', []),
        ('no end', ['no end']),
        ('One dog. Two cats! Three?', ['One dog.', 'Two cats!', 'Three?']),
        ('a dog. there is a cat', ['a dog.', 'there is a cat']),
        ('grass.In the background', ['grass.', 'In the background']),
        ('a 3.5 m wall, www.site.com. End.', ['a 3.5 m wall, www.site.com.', 'End.']),
        ('Wait... what?! "Yes." No.', ['Wait...', 'what?!', '"Yes."', 'No.']),
        ('Mr. Bean and Dr. Who. End.', ['Mr. Bean and Dr. Who.', 'End.']),
        ('Fruits, e.g. Apples. End.', ['Fruits, e.g. Apples.', 'End.']),
        ('cups, plates etc. on it.', ['cups, plates etc. on it.']),
        ('cups, plates etc. There is', ['cups, plates etc.', 'There is']),
        ('At 5 p.m. there was. At 5 p.m. It', ['At 5 p.m. there was.', 'At 5 p.m.', 'It']),
        ('a T. V. on it. A T.V.', ['a T. V. on it.', 'A T.V.']),
        ('Two dogs . A cat .', ['Two dogs .', 'A cat .']),
    ],
)
def test_sentences(text, sentences):
    assert split_sentences(text) == sentences


@given(st.text(st.sampled_from('abMr.!? \n"\'etcE\u0130'), max_size=60))
def test_no_word_is_lost(text):
    sentences = split_sentences(text)
    assert [word for sentence in sentences for word in words_of(sentence)] == words_of(text)
    assert all(sentence == sentence.strip() and words_of(sentence) for sentence in sentences)
