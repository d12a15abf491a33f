from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.data import default_collate

from mmpatchioner.datasets import CaptionEmbeddingDataset
from mmpatchioner.datasets.embedding_cache import cached_embeddings
from tests.test_engine.tiny_models import (
    CAPTIONS,
    WordVectorEncoder,
    write_captions,
    write_photos,
)

ENCODER = dict(type='mmpatchioner.WordVectorEncoder')


def test_items(tmp_path):
    source = dict(path=str(write_captions(tmp_path / 'captions.txt')))
    dataset = CaptionEmbeddingDataset(dict(sources=source), ENCODER, cache_dir=str(tmp_path))
    assert len(dataset) == len(CAPTIONS)
    batch = default_collate([dataset[0], dataset[5]])
    assert batch['captions'] == [CAPTIONS[0], CAPTIONS[5]]
    expected = WordVectorEncoder().encode([CAPTIONS[0], CAPTIONS[5]])
    assert batch['embeddings'].dtype == torch.float32
    assert torch.allclose(batch['embeddings'], expected, atol=1e-3)


def test_each_caption_teaches_the_others_of_its_image(tmp_path):
    listing = write_photos(tmp_path / 'photos', count=2, captions_per_photo=3)
    corpus = dict(sources=dict(path=str(listing)))
    dataset = CaptionEmbeddingDataset(corpus, ENCODER, targets='others', cache_dir=str(tmp_path))
    groups = CAPTIONS[0:3], CAPTIONS[1:4]
    expected = [(a, b) for group in groups for a in group for b in group if a != b]
    assert len(dataset) == len(expected) == 12
    assert [dataset[index]['captions'] for index in range(12)] == [target for _, target in expected]
    found = torch.stack([dataset[index]['embeddings'] for index in range(12)])
    sources = WordVectorEncoder().encode([source for source, _ in expected])
    assert torch.allclose(found, sources, atol=1e-3)
    assert len(dataset.embeddings) == 4  # a caption of two images is encoded once


def test_others_need_several_captions(tmp_path):
    listing = write_photos(tmp_path / 'photos', count=2, captions_per_photo=1)
    corpus = dict(sources=dict(path=str(listing)))
    with pytest.raises(ValueError, match='needs images with several captions'):
        CaptionEmbeddingDataset(corpus, ENCODER, targets='others', cache_dir=str(tmp_path))
    with pytest.raises(ValueError, match="targets: expected 'own' or 'others', got 'all'"):
        CaptionEmbeddingDataset(corpus, ENCODER, targets='all', cache_dir=str(tmp_path))


def test_computed_once(tmp_path, monkeypatch):
    first = cached_embeddings(CAPTIONS, ENCODER, str(tmp_path))
    assert not first.flags.writeable

    def refuse(self, texts):
        raise AssertionError('encoded again')

    monkeypatch.setattr(WordVectorEncoder, 'encode_batch', refuse)
    assert np.array_equal(cached_embeddings(CAPTIONS, ENCODER, str(tmp_path)), first)
    for texts, encoder in ((CAPTIONS[::-1], ENCODER), (CAPTIONS, dict(ENCODER, seed=1))):
        with pytest.raises(AssertionError, match='encoded again'):
            cached_embeddings(texts, encoder, str(tmp_path))


def test_boundaries_between_texts_count(tmp_path):
    joined = cached_embeddings(['a dog', 'b'], ENCODER, str(tmp_path))
    split = cached_embeddings(['a do', 'gb'], ENCODER, str(tmp_path))
    assert not np.array_equal(joined, split)


def test_failure_leaves_nothing(tmp_path, monkeypatch):
    def stop(self, texts):
        raise KeyboardInterrupt

    monkeypatch.setattr(WordVectorEncoder, 'encode_batch', stop)
    with pytest.raises(KeyboardInterrupt):
        cached_embeddings(CAPTIONS, ENCODER, str(tmp_path))
    assert list((tmp_path / 'text_embeddings').iterdir()) == []


def test_nan_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(
        WordVectorEncoder,
        'encode_batch',
        lambda self, texts: torch.full((len(texts), 32), torch.nan),
    )
    with pytest.raises(ValueError, match='not finite'):
        cached_embeddings(CAPTIONS, ENCODER, str(tmp_path))
