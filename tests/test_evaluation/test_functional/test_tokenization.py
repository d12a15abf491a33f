"""Tokens as the published scores have them, with Java and without."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpatchioner.evaluation.functional.java import ExternalToolError, JavaNotFoundError
from mmpatchioner.evaluation.functional.tokenization import (
    ptb_tokenize,
    ptb_tokenize_python,
    tokenize,
)

# What Stanford's tokenizer makes of them; punctuation is dropped.
RECORDED = {
    '': '',
    '   ': '',
    'A man, who is TALL; rides: a bike!': 'a man who is tall rides a bike',
    "don't can't cannot isn't I'm they've o'clock": "do n't ca n't can not is n't i 'm they 've o'clock",
    "the dog's bone, the dogs' bones": "the dog 's bone the dogs bones",
    "rock'n'roll 'em d'oeuvres L'Oreal": "rock 'n' roll 'em d'oeuvres l'oreal",
    "y'all 'tis 70's '08 Hawai'i": "y' all 't is 70 's '08 hawai'i",
    'wanna gonna gotta kinda': 'wan na gon na got ta kinda',
    '(a) [b] {c}': '-lrb- a -rrb- -lsb- b -rsb- -lcb- c -rcb-',
    'a "quoted" word, \u201canother\u201d \u2018one\u2019': 'a quoted word another one',
    "half-eaten black-and-white 3.5-inch": 'half-eaten black-and-white 3.5-inch',
    "U.S.-made mid-90's": "u.s.-made mid-90 's",
    'a -- b a--b - a-': 'a b a b a',
    'and/or 24/7 1/2 1/2-mile red/blue/white w/ w/o': 'and/or 24/7 1/2 1/2-mile red/blue/white w / w/o',
    'U.S. p.m. J.R.R. Tolkien, T.V.': 'u.s. p.m. j.r.r. tolkien t.v.',
    'Mr. and Mrs. Smith on St. Mark, etc.': 'mr. and mrs. smith on st. mark etc.',
    'the ill. and Ill. Miss. miss.': 'the ill and ill. miss. miss',
    'No. 5, no. five, fig. 3': 'no. 5 no five fig. 3',
    'the letter B. A dog': 'the letter b a dog',
    'the letter B. Dogs': 'the letter b. dogs',
    'road.An old dog.the end...': 'road.an old dog.the end',
    '$5.00 50% #1 #tag @user \u00a33 5\u00a2 US$2': '$ 5.00 50 % # 1 #tag @user # 3 5 cents us$ 2',
    '10:30am 5pm 1,000 -3.5 2x4 1st 6\'5"': '10:30 am 5pm 1,000 -3.5 2x4 1st 6 5',
    'AT&T A&amp;B B & W foo&bar &lt;': 'at&t a&b b & w foo & bar <',
    'www.foo.com http://a.b/c foo.com/ab me@x.com a.jpg': 'www.foo.com http://a.b/c foo.com/ab me@x.com a.jpg',
    ':) :-( ;D': ':-rrb- :--lrb- ;d',
    'what?! no!! yes!!!': 'what ?! no !! yes !!!',
    '* ** a_b _ C++ C#': '* ** a_b _ c++ c#',
    '\u00bd \u00bc caf\u00e9 \u65e5\u672c 5\u00b0 \u2026 \u2013 \u2014': '1/2 1/4 caf\u00e9 \u65e5\u672c 5 \u00b0',
    'a\nb\rc\u2028d\x0be': 'a b c d e',
}  # fmt: skip


def test_python_tokens():
    assert dict(zip(RECORDED, ptb_tokenize_python(list(RECORDED)), strict=True)) == RECORDED


def test_java_tokens(real_java):
    # The tokenizer looks into the next text after a letter with a full stop, and here the texts have nothing to do with
    # one another.
    apart = [part for text in RECORDED for part in (text, 'x')]
    assert dict(zip(RECORDED, ptb_tokenize(apart)[::2], strict=True)) == RECORDED


def test_a_fraction_and_its_number_are_one_token():
    assert ptb_tokenize_python(['1 1/2 feet']) == ['1\u00a01/2 feet']


def test_published_tokens(shared_data):
    """Captions of the COCO example, tokenized by pycocoevalcap."""
    folder = shared_data / 'eval'
    recorded = json.loads((folder / 'coco_fakecap_tokenized.json').read_text())
    results = json.loads((folder / 'coco_fakecap_results.json').read_text())
    annotations = json.loads((folder / 'coco_fakecap_refs.json').read_text())['annotations']
    references: dict[str, list[str]] = {}
    for annotation in annotations:
        references.setdefault(str(annotation['image_id']), []).append(annotation['caption'])
    for key, captions in references.items():
        assert ptb_tokenize_python(captions) == recorded['refs'][key]
    candidates = ptb_tokenize_python([result['caption'] for result in results])
    assert candidates == [recorded['hyps'][str(result['image_id'])] for result in results]


@pytest.mark.parametrize('name', ['train_captions.tsv', 'region_phrases.tsv'])
def test_both_tokenizers_agree_on_real_captions(shared_data, real_java, name):
    lines = (shared_data / 'text' / name).read_text(encoding='utf-8').split('\n')
    texts = [line.partition('\t')[2] for line in lines[::10]]
    apart = ptb_tokenize([part for text in texts for part in (text, 'x')])[::2]
    assert ptb_tokenize_python(texts) == apart


@settings(max_examples=200)
@given(st.lists(st.text(max_size=30), max_size=4))
def test_any_text_has_tokens_without_punctuation(texts):
    tokens = ptb_tokenize_python(texts)
    assert len(tokens) == len(texts)
    for text, line in zip(texts, tokens, strict=True):
        assert not {'.', ',', "''", '...', '--', ';'} & set(line.split(' '))
        assert ''.join(line.split()).isascii() or not text.isascii()
        assert line == line.strip(' ')


def test_without_java_python_does_it(tmp_path, monkeypatch):
    monkeypatch.setenv('PATH', str(tmp_path))
    monkeypatch.delenv('JAVA_HOME', raising=False)
    assert tokenize(["a dog's"]) == (["a dog 's"], 'python')
    with pytest.raises(JavaNotFoundError):
        tokenize(['a'], 'stanford')


def test_a_failing_java_is_an_error_or_python_does_it(fake_java, real_java):
    assert ptb_tokenize(['A', 'b C']) == ['a', 'b c']
    fake_java.behave('die:0')
    with pytest.raises(
        ExternalToolError, match='0 lines for 2 captions .*Could not find or load main'
    ):
        ptb_tokenize(['a', 'b'])
    assert tokenize(['A', 'b']) == (['a', 'b'], 'python')


def test_given_tokens_stay():
    assert tokenize(['A b .'], 'none') == (['A b .'], 'none')
    with pytest.raises(
        ValueError, match=r"expected None or one of stanford, python, none, got 'nltk'"
    ):
        tokenize(['a'], 'nltk')


def test_no_text_needs_no_java(monkeypatch, tmp_path):
    monkeypatch.setenv('PATH', str(tmp_path))
    assert ptb_tokenize([]) == ptb_tokenize_python([]) == []
