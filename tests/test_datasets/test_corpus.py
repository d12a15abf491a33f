from __future__ import annotations

import json

import pytest

from mmpatchioner.datasets import TextCorpus


def corpus(tmp_path, texts, **options):
    path = tmp_path / 'texts.txt'
    path.write_text('\n'.join(texts))
    return TextCorpus(dict(path=str(path)), **options)


def test_order_and_copies(tmp_path):
    texts = ['b', 'a', 'b', 'c', 'a', 'b']
    found = corpus(tmp_path, texts)
    assert found.texts == ['b', 'a', 'c']
    assert [entry.count for entry in found.entries] == [3, 2, 1]
    assert corpus(tmp_path, texts, dedupe=False).texts == texts


def test_cleaning(tmp_path):
    texts = ["A man's dog.", 'a  CAT ']
    assert corpus(tmp_path, texts).texts == ["A man's dog.", 'a  CAT']
    assert corpus(tmp_path, texts, clean='lower').texts == ["a man's dog.", 'a  cat']
    assert corpus(tmp_path, texts, clean='words').texts == ["a man 's dog", 'a cat']


def test_length_limits(tmp_path):
    texts = ['one', 'one two', 'one two three']
    assert corpus(tmp_path, texts, min_words=2, max_words=2).texts == ['one two']
    with pytest.raises(ValueError, match='no text is left of the 3'):
        corpus(tmp_path, texts, min_words=9)


def test_excluded_texts_are_found_under_any_spelling(tmp_path):
    held_out = tmp_path / 'held.txt'
    held_out.write_text('A Dog, running.')
    found = corpus(tmp_path, ['a dog running', 'a dog'], exclude=dict(path=str(held_out)))
    assert found.texts == ['a dog']


def test_excluded_images(tmp_path):
    captions = tmp_path / 'captions.json'
    annotations = [{'image_id': i, 'caption': f'caption {i}'} for i in range(4)]
    captions.write_text(json.dumps({'annotations': annotations}))
    test = tmp_path / 'test.json'
    test.write_text(json.dumps({'annotations': annotations[2:3]}))
    found = TextCorpus(
        dict(path=str(captions)),
        exclude_images=[0],
        exclude_image_sources=dict(path=str(test)),
    )
    assert found.by_image() == {'1': ['caption 1'], '3': ['caption 3']}


def test_sample_is_fixed_by_its_seed(tmp_path):
    texts = [str(number) for number in range(100)]
    first, again = (corpus(tmp_path, texts, sample=10, seed=3).texts for _ in range(2))
    assert first == again == sorted(first, key=int)
    assert len(first) == 10
    assert corpus(tmp_path, texts, sample=10, seed=4).texts != first
    assert corpus(tmp_path, texts, sample=1000).texts == texts


def test_parts_are_disjoint_and_stable(tmp_path):
    texts = [f'caption number {number}' for number in range(400)]
    train = corpus(tmp_path, texts, part='train', val_share=0.25).texts
    val = corpus(tmp_path, texts, part='val', val_share=0.25).texts
    assert sorted(train + val) == sorted(texts)
    assert 50 < len(val) < 150
    fewer = corpus(tmp_path, texts[::2], part='val', val_share=0.25).texts
    assert set(fewer) <= set(val)
    shouted = corpus(tmp_path, [f'{text.upper()}!' for text in texts], part='val', val_share=0.25)
    assert [text.lower().strip('!') for text in shouted.texts] == val


def test_phrases(tmp_path):
    texts = [
        'a red ball on a table',
        'a red ball in the grass',
        'a red ball',
        'on the grass',
        'in grass',
    ]
    only = corpus(tmp_path, texts, phrases=dict(min_count=2))
    assert [(entry.text, entry.count, entry.kind) for entry in only.entries] == [
        ('a red ball', 3, 'phrase'),
        ('the grass', 2, 'phrase'),
    ]
    added = corpus(tmp_path, texts, phrases=dict(min_count=2, mode='add'))
    assert added.texts == [*texts, 'a red ball', 'the grass']
    with pytest.raises(ValueError, match='no phrase occurs 9 times'):
        corpus(tmp_path, texts, phrases=dict(min_count=9))


def test_several_sources_and_no_images(tmp_path):
    for name in 'ab':
        (tmp_path / f'{name}.txt').write_text(name)
    found = TextCorpus([dict(path=str(tmp_path / f'{name}.txt')) for name in 'ab'])
    assert found.texts == ['a', 'b']
    with pytest.raises(ValueError, match='tells no images'):
        found.by_image()


@pytest.mark.parametrize(
    ('option', 'message'),
    [
        (dict(clean='upper'), 'corpus.clean'),
        (dict(sample=0), 'corpus.sample'),
        (dict(part='test'), 'part'),
        (dict(val_share=2), 'val_share'),
        (dict(phrases=dict(mode='all')), 'corpus.phrases.mode'),
    ],
)
def test_options_out_of_range(tmp_path, option, message):
    with pytest.raises(ValueError, match=message):
        corpus(tmp_path, ['a dog'], **option)
