from __future__ import annotations

import io
import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpatchioner.datasets.localized_narratives import Utterance, read_narratives
from mmpatchioner.datasets.localized_narratives.alignment import (
    Interval,
    points_within,
    sentence_intervals,
    words_of,
)
from mmpatchioner.datasets.localized_narratives.sentences import split_sentences
from tests.test_datasets.test_localized_narratives.spoken import SECONDS, record

VOCABULARY = [
    'an',
    'the',
    'dog',
    'cat',
    'red',
    'on',
    'grass',
    'tree',
    'there',
    'is',
    "man's",
    'sky',
]

sentences_of_words = st.lists(
    st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=8), min_size=1, max_size=6
)


def spoken(text):
    """Every word for itself, one second each."""
    return [Utterance(word, float(index), index + 0.9) for index, word in enumerate(text.split())]


def align(written, heard, **kwargs):
    return sentence_intervals(split_sentences(written), spoken(heard), **kwargs)


@pytest.mark.parametrize(
    ('written', 'heard', 'intervals'),
    [
        ('A dog. The sky.', 'a dog the sky', [(0, 1.9), (2, 3.9)]),
        # Said and not written: nobody's, unless within a sentence.
        ('A dog. The sky.', 'well a dog umm the blue sky thanks', [(1, 2.9), (4, 6.9)]),
        # Written and not said.
        ('A brown dog. The sky.', 'a dog the sky', [(0, 1.9), (2, 3.9)]),
        # Misheard, within a sentence and across two.
        ('A zebra here. The sky.', 'a zibra hear the sky', [(0, 2.9), (3, 4.9)]),
        ('A red dog. Cows on the grass.', 'a red dogg cous on the grass', [(0, 2.9), (3, 6.9)]),
        # A sentence that was not said.
        ('A dog. There is a cat. The sky.', 'a dog the sky', [(0, 1.9), None, (2, 3.9)]),
        # Case, punctuation, hyphens, apostrophes.
        ("A MAN'S T-shirt, red. Sky.", 'a mans t shirt red sky', [(0, 4.9), (5, 5.9)]),
        # The same words again and again.
        ('There is a dog. There is a cat.', 'there is a dog there is a cat', [(0, 3.9), (4, 7.9)]),
        ('A dog.', '', [None]),
        ('A dog.', 'people walking in rain', [None]),
    ],
)
def test_intervals(written, heard, intervals):
    expected = [interval if interval is None else Interval(*interval) for interval in intervals]
    assert align(written, heard) == expected


def test_an_utterance_of_two_sentences_counts_for_both():
    utterances = [Utterance('the grass. The', 1.0, 2.0), Utterance('sky', 2.2, 2.5)]
    assert sentence_intervals(['The grass.', 'The sky.'], utterances) == [(1.0, 2.0), (1.0, 2.5)]


def test_a_recording_of_another_text_gives_no_times():
    written, heard = 'A dog on the grass. The sky.', 'a plate with food the end'
    assert align(written, heard) == [None, None]
    assert align(written, heard, min_heard=0.0)[0] is not None


def narrative_of(groups):
    caption = ' '.join(' '.join(words).capitalize() + '.' for words in groups)
    line = json.dumps(record(caption)).encode()
    (narrative,) = read_narratives(io.BytesIO(line), 'a.jsonl')
    return narrative


@given(sentences_of_words)
def test_points_lie_in_the_interval_of_their_sentence(groups):
    narrative = narrative_of(groups)
    sentences = split_sentences(narrative.caption)
    assert [words_of(sentence) for sentence in sentences] == [
        words_of(' '.join(words)) for words in groups
    ]
    intervals = sentence_intervals(sentences, narrative.utterances)
    first = 0
    for words, interval in zip(groups, intervals, strict=True):
        # Utterances have up to two words, so an end may be one word further than the sentence's own.
        assert 0 <= first * SECONDS - interval.start <= SECONDS + 1e-9
        assert -0.1 - 1e-9 <= interval.end - (first + len(words)) * SECONDS <= SECONDS
        points = points_within(narrative.points, interval)
        assert points and all(interval.start <= point.t <= interval.end for point in points)
        assert points == sorted(points, key=lambda point: point.t)
        first += len(words)
    starts = [interval.start for interval in intervals]
    assert starts == sorted(starts)


@given(st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=30))
def test_one_sentence_keeps_all_points_of_its_time(words):
    narrative = narrative_of([words])
    (interval,) = sentence_intervals([narrative.caption], narrative.utterances)
    start, end = narrative.utterances[0].start, narrative.utterances[-1].end
    assert interval == (start, end)
    kept = points_within(narrative.points, interval)
    assert kept == [point for point in narrative.points if start <= point.t <= end]


@given(sentences_of_words, st.data())
def test_errors_of_the_recording_move_no_sentence_before_another(groups, data):
    """Words are lost, added or misheard anywhere: times stay in order and within the recording."""
    words = [word for group in groups for word in group]
    heard = []
    for word in words:
        heard += data.draw(st.sampled_from([[word], [word], [word], [], ['umm', word], ['x']]))
    written = [' '.join(group) for group in groups]
    utterances = spoken(' '.join(heard))
    intervals = sentence_intervals(written, utterances, min_heard=0.0)
    times = [interval for interval in intervals if interval is not None]
    for earlier, later in pairwise(times):
        assert earlier.start <= later.start and earlier.end <= later.end
    assert all(0 <= start < end <= len(heard) for start, end in times)
