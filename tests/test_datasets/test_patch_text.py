from __future__ import annotations

import mmcv
import numpy as np
import pytest
import torch
from torch.utils.data import default_collate

from mmpatchioner.datasets import PatchFeatureTextDataset, feature_cache
from mmpatchioner.datasets.feature_cache import cached_features
from mmpatchioner.datasets.phrases import NounPhrases
from mmpatchioner.datasets.transforms import PatchView
from tests.test_engine.tiny_models import CAPTIONS, TinyNeck, WordVectorEncoder, write_photos

NECK = dict(type='mmpatchioner.TinyNeck')
VIEW = dict(size=16)


@pytest.fixture
def photos(tmp_path):
    listing = write_photos(tmp_path / 'photos')
    return [listing.parent / f'{number}.png' for number in range(6)]


def features_of(path):
    view = PatchView(**VIEW)
    return TinyNeck()(view(mmcv.imread(str(path)))[None]).patches[0].detach()


def test_features_are_those_of_the_neck(photos, tmp_path):
    kinds = ('patches', 'mean', 'heads')
    found = cached_features(photos, NECK, VIEW, kinds, str(tmp_path), batch_size=4)
    assert found['patches'].shape == (6, 16, 24)
    assert found['heads'].shape == (6, 2, 24)
    for row, path in enumerate(photos):
        patches = features_of(path)
        assert np.allclose(found['patches'][row], patches, atol=1e-2)
        assert np.allclose(found['mean'][row], patches.mean(dim=0), atol=1e-2)
        assert np.allclose(found['heads'][row], patches[:2], atol=1e-2)


def test_stopped_run_goes_on(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(feature_cache, '_SAVE_EVERY', 1)
    monkeypatch.setattr(TinyNeck, 'seen', 0)

    def run(fail_after):
        monkeypatch.setattr(feature_cache, '_key', lambda *arguments: 'key')
        neck = dict(NECK, fail_after=fail_after)
        return cached_features(photos, neck, VIEW, cache_dir=str(tmp_path), batch_size=2)

    with pytest.raises(KeyboardInterrupt):
        run(fail_after=4)
    assert [path.name for path in (tmp_path / 'image_features').iterdir()] == ['key.partial']
    TinyNeck.seen = 0
    found = run(fail_after=None)
    assert TinyNeck.seen == 2
    for row, path in enumerate(photos):
        assert np.allclose(found['patches'][row], features_of(path), atol=1e-2)
    TinyNeck.seen = 0
    run(fail_after=0)
    assert TinyNeck.seen == 0


def test_changed_images_are_noticed(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(TinyNeck, 'seen', 0)
    cached_features(photos, NECK, VIEW, cache_dir=str(tmp_path))
    photos[0].write_bytes(photos[1].read_bytes())
    found = cached_features(photos, NECK, VIEW, cache_dir=str(tmp_path))
    assert TinyNeck.seen == 12
    assert np.array_equal(found['patches'][0], found['patches'][1])


def test_bad_inputs(photos, tmp_path):
    with pytest.raises(ValueError, match='features: expected some of'):
        cached_features(photos, NECK, VIEW, ('registers',), str(tmp_path))
    with pytest.raises(ValueError, match="'cls' needs a class token, TinyNeck has none"):
        cached_features(photos, NECK, VIEW, ('cls',), str(tmp_path))
    with pytest.raises(FileNotFoundError, match='1 of 7 images are missing'):
        cached_features([*photos, tmp_path / 'no.png'], NECK, VIEW, cache_dir=str(tmp_path))
    photos[2].write_bytes(b'no image')
    with pytest.raises(ValueError, match=r'2\.png: expected an image'):
        cached_features(photos, NECK, VIEW, cache_dir=str(tmp_path))


def test_items(photos, tmp_path):
    dataset = PatchFeatureTextDataset(
        corpus=dict(sources=dict(path=str(photos[0].parent / 'captions.jsonl'))),
        image_root=str(photos[0].parent),
        encoder=dict(type='mmpatchioner.WordVectorEncoder'),
        neck=NECK,
        view=VIEW,
        phrases=True,
        cache_dir=str(tmp_path),
    )
    batch = default_collate([dataset[0], dataset[1]])
    assert batch['features']['patches'].shape == (2, 16, 24)
    assert batch['image_ids'].tolist() == [0, 1]
    captions = batch['texts']['captions']
    # Photos 0 and 1 share a caption, which has one id.
    assert captions['ids'][0, 1] == captions['ids'][1, 0]
    assert torch.allclose(
        captions['embeddings'][0], WordVectorEncoder().encode(CAPTIONS[:2]), atol=1e-3
    )
    cut = NounPhrases.fit(caption for k in range(6) for caption in CAPTIONS[k : k + 2])
    phrases = batch['texts']['phrases']
    ids = phrases['ids'][0][phrases['ids'][0] >= 0].tolist()
    expected = list(dict.fromkeys(phrase for caption in CAPTIONS[:2] for phrase in cut(caption)))
    assert [dataset.texts[index] for index in ids] == expected
    assert (phrases['embeddings'][0, len(ids) :] == 0).all()
