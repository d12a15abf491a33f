"""Phrases of Visual Genome become words as they always have."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpatchioner.datasets.annotations.phrase_cleaning import clean_phrase


@pytest.mark.parametrize(
    ('phrase', 'expected'),
    [
        ("Don't walk", 'dont walk'),
        ('two-story house.', 'twostory house'),
        ('  the\tclock\n is  green ', 'the clock is green'),
        ('\u00bd a pizza', 'half a pizza'),
        ('1\u00bd', '1half'),
        ('a\u2014b', 'ab'),  # the dash becomes a hyphen, which is punctuation
        ('Coke\u2122', 'coke'),
        ('99\u00a2', '99cent'),
        ('fa\u00e7ade', 'facade'),
        ('cr\u00fb', 'cru'),
        ('caf\u00e9 cr\u00e8me', 'cafe creme'),
        ('90\u00b0 turn', '90 degree turn'),
        ('wait\u2026 what', 'wait what'),
        ('CAF\u00c9', 'caf\u00e9'),  # replaced before it is lower-cased
        ('jalape\u00f1o \u201cred\u201d', 'jalape\u00f1o \u201cred\u201d'),
        ('!?', ''),
        ('', ''),
    ],
)
def test_phrases(phrase, expected):
    assert clean_phrase(phrase) == expected


@given(st.text(alphabet=st.characters(codec='ascii')))
def test_words_of_ascii_have_no_punctuation_capitals_or_doubled_spaces(phrase):
    clean = clean_phrase(phrase)
    assert not set(clean) & set(string.punctuation + string.ascii_uppercase)
    assert clean == ' '.join(clean.split())
    assert clean_phrase(clean) == clean
