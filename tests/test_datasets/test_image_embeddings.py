"""Captions with the features of their photos, for decoders that learn from pairs."""

from __future__ import annotations

import mmcv
import pytest
import torch
from torch import nn
from torch.utils.data import default_collate

from mmpatchioner.datasets import ImageEmbeddingDataset
from mmpatchioner.datasets.transforms import PatchView
from mmpatchioner.models.necks import PatchFeatures
from mmpatchioner.registry import MODELS
from tests.test_engine.tiny_models import CAPTIONS, TinyNeck, write_photos

NECK = dict(type='mmpatchioner.TinyNeck')
VIEW = dict(size=16)


@MODELS.register_module(force=True)
class ClassTokenNeck(nn.Module):
    """A class token of its own, beside patches of zeros."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.0))

    def init_weights(self):
        pass

    def forward(self, patch_inputs):
        cls = self.scale * patch_inputs.mean(dim=(2, 3))
        return PatchFeatures(torch.zeros(len(cls), 4, 3), (2, 2), cls=cls)


@pytest.fixture
def corpus(tmp_path):
    listing = write_photos(tmp_path / 'photos', count=3)
    return dict(sources=dict(path=str(listing)))


def build(corpus, tmp_path, **options):
    arguments = dict(neck=NECK, view=VIEW, cache_dir=str(tmp_path)) | options
    return ImageEmbeddingDataset(corpus, str(tmp_path / 'photos'), **arguments)


def test_every_caption_has_the_features_of_its_photo(corpus, tmp_path):
    dataset = build(corpus, tmp_path)
    assert len(dataset) == 6
    batch = default_collate([dataset[index] for index in range(6)])
    assert batch['captions'] == [CAPTIONS[number + k] for number in range(3) for k in range(2)]
    assert batch['embeddings'].dtype == torch.float32
    view = PatchView(**VIEW)
    for number in range(3):
        image = mmcv.imread(str(tmp_path / 'photos' / f'{number}.png'))
        mean = TinyNeck()(view(image)[None]).patches[0].mean(dim=0)
        for row in (2 * number, 2 * number + 1):
            torch.testing.assert_close(batch['embeddings'][row], mean, atol=1e-2, rtol=0)


def test_class_token(corpus, tmp_path):
    dataset = build(corpus, tmp_path, neck=dict(type='mmpatchioner.ClassTokenNeck'), feature='cls')
    image = mmcv.imread(str(tmp_path / 'photos' / '1.png'))
    expected = 2 * PatchView(**VIEW)(image).mean(dim=(1, 2))
    torch.testing.assert_close(dataset[2]['embeddings'], expected, atol=1e-2, rtol=0)


def test_unfit_arguments(corpus, tmp_path):
    with pytest.raises(ValueError, match="feature: expected 'mean' or 'cls', got 'patches'"):
        build(corpus, tmp_path, feature='patches')
    with pytest.raises(FileNotFoundError, match='3 of 3 images are missing'):
        build(corpus, tmp_path, image_template='{}.jpg')
    (tmp_path / 'plain.txt').write_text('a dog')
    with pytest.raises(ValueError, match='tells no images'):
        build(dict(sources=dict(path=str(tmp_path / 'plain.txt'))), tmp_path)
