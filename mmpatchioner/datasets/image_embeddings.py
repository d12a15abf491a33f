"""Captions with the pooled features of their images: what a supervised decoder is trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from mmpatchioner.datasets.caption_embeddings import EmbeddedCaptions
from mmpatchioner.datasets.corpus import TextCorpus
from mmpatchioner.datasets.feature_cache import cached_features
from mmpatchioner.registry import DATASETS


@DATASETS.register_module()
class ImageEmbeddingDataset(EmbeddedCaptions):
    """Captions and the pooled features of their images: pairs, for decoders that are trained on images.

    Args:
        corpus: Arguments of :class:`TextCorpus`; its sources must tell the images. Copies are kept unless asked
            otherwise, for two images may share a text.
        image_root: Folder of the images that the corpus names.
        neck: Config of the frozen neck.
        view: Arguments of :class:`mmpatchioner.datasets.transforms.PatchView`.
        feature: ``'mean'`` of the patches, as whole images are captioned, or the ``'cls'`` token.
        image_template: How the name of a file follows from the corpus' image, e.g. ``'COCO_train2014_{:0>12}.jpg'``.
        cache_dir: Where features are kept; None is the user's cache.
        batch_size: Images in one forward pass of the neck.
        num_workers: Processes that read images for the cache.
        device: Where the neck runs; None is the best there is.

    Raises:
        ValueError: if ``feature`` is unknown, or the neck has no class token.
        FileNotFoundError: if an image is missing.
    """

    def __init__(
        self,
        corpus: dict[str, Any],
        image_root: str,
        neck: dict[str, Any],
        view: dict[str, Any],
        feature: Literal['mean', 'cls'] = 'mean',
        image_template: str = '{}',
        cache_dir: str | None = None,
        batch_size: int = 8,
        num_workers: int = 0,
        device: str | None = None,
    ) -> None:
        if feature not in ('mean', 'cls'):
            raise ValueError(f"feature: expected 'mean' or 'cls', got {feature!r}.")
        groups = TextCorpus(**{'dedupe': False, **corpus}).by_image()
        images = [Path(image_root) / image_template.format(image) for image in groups]
        features = cached_features(
            images, neck, view, [feature], cache_dir, batch_size, num_workers, device
        )
        texts = [text for group in groups.values() for text in group]
        super().__init__(
            texts=texts,
            kinds=['caption'] * len(texts),
            rows=[row for row, group in enumerate(groups.values()) for _ in group],
            embeddings=features[feature],
        )
