"""Captions to ids and back, with our own tokenizers and with those of CLIP."""

from __future__ import annotations

import copy
import json
import pickle

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from mmpatchioner.checkpoints import CheckpointError
from mmpatchioner.models.decoders import CaptionTokenizer, train_bpe
from mmpatchioner.models.decoders.text_cleaning import natural, strip

from .conftest import CAPTIONS


@pytest.fixture
def tokenizer(tokenizer_file) -> CaptionTokenizer:
    return CaptionTokenizer(file=tokenizer_file, clean='natural')


@pytest.fixture(scope='session')
def clip_folder(tmp_path_factory):
    """The files of a CLIP tokenizer, with few merges; id 0 is ``!`` as in the published one."""
    folder = tmp_path_factory.mktemp('clip')
    letters = [*"!'-.,abcdefghijklmnopqrstuvwxyz0123456789"]
    merges = ['d o', 'do g</w>', 'm a', 'ma n</w>', "' s</w>", 'r u', 'ru n', 'run s</w>']
    tokens = letters + [letter + '</w>' for letter in letters]
    tokens += [merge.replace(' ', '') for merge in merges]
    tokens += ['<|startoftext|>', '<|endoftext|>']
    vocabulary = {token: index for index, token in enumerate(tokens)}
    (folder / 'vocab.json').write_text(json.dumps(vocabulary))
    (folder / 'merges.txt').write_text('#version: 0.2\n' + '\n'.join(merges) + '\n')
    (folder / 'tokenizer_config.json').write_text('{"tokenizer_class": "CLIPTokenizer"}')
    (folder / 'config.json').write_text('{"model_type": "clip"}')
    return folder


@pytest.mark.parametrize('caption', CAPTIONS)
def test_what_is_encoded_is_decoded_as_written_english(tokenizer, caption):
    written = caption.lower().replace(' .', '.').strip('. ')
    assert tokenizer.decode(tokenizer.encode(caption)) == written


def test_markers_surround_a_caption_and_the_end_is_cut_first(tokenizer):
    ids = tokenizer.encode('a dog runs')
    assert (ids[0], ids[-1]) == (tokenizer.bos_id, tokenizer.eos_id)
    assert tokenizer.encode('a dog runs', max_length=3) == ids[:3]
    assert tokenizer.decode([*ids, *tokenizer.encode('a red bike')]) == 'a dog runs'


def test_a_batch_is_its_captions_filled_up(tokenizer):
    batch = tokenizer.encode_batch(CAPTIONS, max_length=12)
    assert batch.dtype == torch.int64
    for caption, row in zip(CAPTIONS, batch.tolist(), strict=True):
        ids = tokenizer.encode(caption, 12)
        assert row == ids + [tokenizer.pad_id] * (batch.shape[1] - len(ids))
    assert tokenizer.encode_batch([]).shape == (0, 0)
    assert tokenizer.encode_batch(['']).tolist() == [[tokenizer.bos_id, tokenizer.eos_id]]


def test_case_accents_and_signs_of_the_net_do_not_matter(tokenizer):
    assert tokenizer.encode('Á  DÓG\nruns') == tokenizer.encode('a dog runs')
    assert tokenizer.encode('a man\N{RIGHT SINGLE QUOTATION MARK}s bike') == tokenizer.encode(
        "a man's bike"
    )


def test_training_writes_a_whole_file_with_markers_first(tokenizer, tmp_path):
    assert (tokenizer.pad_id, tokenizer.bos_id, tokenizer.eos_id) == (0, 1, 2)
    path = tmp_path / 'new' / 'tokenizer.json'
    train_bpe(iter(CAPTIONS), vocab_size=120, path=path)
    train_bpe(iter(CAPTIONS), vocab_size=60, path=path)
    assert CaptionTokenizer(path).vocab_size <= 60
    assert list(path.parent.iterdir()) == [path]


def test_a_tokenizer_of_clip_from_a_folder(clip_folder):
    tokenizer = CaptionTokenizer(pretrained=str(clip_folder))
    ids = tokenizer.encode("A Man's dog runs.")
    tokens = [tokenizer._backend.id_to_token(token) for token in ids]
    assert tokens == [
        '<|startoftext|>', 'a</w>', 'man</w>', "'s</w>", 'dog</w>', 'runs</w>', '.</w>', '<|endoftext|>',
    ]  # fmt: skip
    assert tokenizer.decode(ids) == "a man 's dog runs"
    assert CaptionTokenizer(pretrained=str(clip_folder), clean='none').decode(ids) == (
        "a man 's dog runs . "
    )
    # Its own padding is the end marker, which the loss must see.
    assert tokenizer.pad_id == 0 != tokenizer.eos_id
    assert tokenizer.decode([tokenizer.bos_id, 0, tokenizer.eos_id]) == '!'


def test_copies_are_the_same(tokenizer):
    for other in (copy.deepcopy(tokenizer), pickle.loads(pickle.dumps(tokenizer))):
        assert other.decode(other.encode(CAPTIONS[2])) == tokenizer.decode(
            tokenizer.encode(CAPTIONS[2])
        )


def test_unknown_ids_are_silent(tokenizer):
    assert tokenizer.decode([1, 100_000, 0, 2]) == ''


@pytest.mark.parametrize('arguments', [{}, {'file': 'a.json', 'pretrained': 'b'}])
def test_exactly_one_source(arguments):
    with pytest.raises(ValueError, match='exactly one of `file` and `pretrained`'):
        CaptionTokenizer(**arguments)


def test_sources_that_are_no_tokenizers_are_named(tmp_path, tokenizer_file):
    with pytest.raises(ValueError, match=r'tokenizer\.clean'):
        CaptionTokenizer(tokenizer_file, clean='upper')
    with pytest.raises(CheckpointError, match='found nothing'):
        CaptionTokenizer(tmp_path / 'none.json')
    (tmp_path / 'bad.json').write_text('{}')
    with pytest.raises(CheckpointError, match=r'not a readable tokenizer\.json'):
        CaptionTokenizer(tmp_path / 'bad.json')
    with pytest.raises(CheckpointError, match=r'tokenizer\.pretrained'):
        CaptionTokenizer(pretrained=str(tmp_path / 'no_model'))
    Tokenizer(WordLevel({'dog': 0}, unk_token='dog')).save(str(tmp_path / 'words.json'))
    with pytest.raises(CheckpointError, match=r'found no <\|startoftext\|>'):
        CaptionTokenizer(tmp_path / 'words.json')


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('a dog .', 'a dog'),
        ("the dogs ' ball , red ; and it 's big", "the dogs ' ball, red; and it's big"),
        ('a black - and - white photo', 'a black-and-white photo'),
        ('a sign ( old ) that reads " no parking " .', 'a sign (old) that reads "no parking"'),
        ('bus number 1 2 0 at 3 : 4 5', 'bus number 120 at 3: 45'),
        ('', ''),
        (' . ', ''),
    ],
)
def test_natural_text(text, expected):
    assert natural(text) == expected


def test_published_text_is_only_stripped():
    assert strip("a man 's dog , riding . ") == "a man 's dog , riding"
