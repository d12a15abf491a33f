"""Datasets: captioned regions and images, text corpora, and pairs of image features and texts."""

from mmpatchioner.datasets.caption_embeddings import CaptionEmbeddingDataset
from mmpatchioner.datasets.corpus import TextCorpus
from mmpatchioner.datasets.evaluation_sampler import EvaluationSampler
from mmpatchioner.datasets.image_embeddings import ImageEmbeddingDataset
from mmpatchioner.datasets.patch_text import PatchFeatureTextDataset
from mmpatchioner.datasets.region_captions import (
    DenseCaptionDataset,
    ImageCaptionDataset,
    RegionSetCaptionDataset,
    TraceCaptionDataset,
)
from mmpatchioner.datasets.samplers import LengthGroupedSampler

__all__ = [
    'CaptionEmbeddingDataset',
    'DenseCaptionDataset',
    'EvaluationSampler',
    'ImageCaptionDataset',
    'ImageEmbeddingDataset',
    'LengthGroupedSampler',
    'PatchFeatureTextDataset',
    'RegionSetCaptionDataset',
    'TextCorpus',
    'TraceCaptionDataset',
]
