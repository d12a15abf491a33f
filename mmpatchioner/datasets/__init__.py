"""Datasets: text corpora, their embeddings, and pairs of image features and texts."""

from mmpatchioner.datasets.caption_embeddings import CaptionEmbeddingDataset
from mmpatchioner.datasets.corpus import TextCorpus
from mmpatchioner.datasets.patch_text import PatchFeatureTextDataset
from mmpatchioner.datasets.samplers import LengthGroupedSampler

__all__ = [
    'CaptionEmbeddingDataset',
    'LengthGroupedSampler',
    'PatchFeatureTextDataset',
    'TextCorpus',
]
