from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpatchioner.datasets.localized_narratives import KeepSentences, RuleRewriter


@pytest.mark.parametrize(
    ('sentence', 'caption'),
    [
        ('In this image, I can see a group of cows.', 'A group of cows.'),
        ('In the background, there are trees.', 'Trees.'),
        ('I think there is a dog behind the fence.', 'A dog behind the fence.'),
        ('And here we can see, I think, some people.', 'Some people.'),
        ('There\u2019s a T.V. on the wall in this image.', 'A T.V. on the wall.'),
        ('On the left side of the image there is a man.', 'A man.'),
        ('On the left side of the road there is a car.', 'A car on the left side of the road.'),
        ('In front of the house there is a red car.', 'A red car in front of the house.'),
        ('Behind them there are trees.', 'Trees.'),
        ('On the table there is a cup, and a jug.', 'A cup, and a jug on the table.'),
        ('This is a picture of a dog running.', 'A dog running.'),
        ('It looks like a sunny day.', 'A sunny day.'),
        ('It is raining.', 'It is raining.'),
        ('The picture is dark and we can see a dog.', 'A dog.'),
        ('This image is taken in a park where people walk.', 'In a park where people walk.'),
        ('This image consists of a giraffe.', 'A giraffe.'),
        ('Trees and the sky can be seen in the background of this picture.', 'Trees and the sky.'),
        ('In this edited image I can see a dog.', 'A dog.'),
        ('THERE IS A DOG', 'A DOG.'),
        ('A woman is holding an umbrella', 'A woman is holding an umbrella.'),
        ('\u0130n this image \u0130stanbul is seen.', '\u0130stanbul.'),
        ('We can see it in the picture.', ''),
        ('In the background of the image', ''),
        ('There is something.', ''),
    ],
)
def test_captions(sentence, caption):
    assert RuleRewriter().rewrite(sentence) == (caption or None)


PARTS = [
    'in this image',
    'on the left',
    'we can see',
    'there is',
    'i think',
    'a dog',
    'it',
    ',',
    'of the image',
    'and',
]


@given(st.lists(st.sampled_from(PARTS), max_size=12).map(' '.join))
def test_captions_have_words_of_the_sentence_only(sentence):
    caption = RuleRewriter().rewrite(sentence)
    if caption is not None:
        assert len(caption) <= len(sentence) + 1
        assert set(caption.lower().rstrip('.').split()) <= set(sentence.replace(',', ' ,').split())


def test_sentences_are_rewritten_in_order():
    sentences = ['There is a dog.', 'We can see it.', 'A cat']
    assert RuleRewriter().rewrite_all(sentences) == ['A dog.', None, 'A cat.']
    assert KeepSentences().rewrite_all(sentences) == sentences
