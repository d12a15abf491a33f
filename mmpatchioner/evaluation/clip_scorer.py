"""CLIP-S, RefCLIP-S, PAC-S and RefPAC-S of captions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from mmpatchioner.evaluation.clip_model import ClipFeatures
from mmpatchioner.evaluation.functional.clip_scores import (
    clip_score,
    pac_score,
    ref_clip_score,
    ref_pac_score,
)

CLIP_MODEL = 'openai/clip-vit-base-patch32'


class ClipScorer:
    """Scores captions against pictures and references in the space of CLIP (arXiv 2104.08718, 2303.12112).

    Args:
        model: Folder or hub id of CLIP ViT-B/32 in transformers' form, with its tokenizer. Loaded when first needed.
        pac_weights: The authors' ``clip_ViT-B-32.pth`` for PAC-S and RefPAC-S, read as tensors alone; None leaves these
            two out.
        device: Where the models run; None takes the GPU if there is one.
        batch_size: Captions at a time.

    Raises:
        ValueError: if ``batch_size`` is not positive.
        FileNotFoundError: if ``pac_weights`` is no file.
    """

    def __init__(
        self,
        model: str = CLIP_MODEL,
        pac_weights: str | None = None,
        device: str | torch.device | None = None,
        batch_size: int = 64,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f'clip.batch_size: expected at least 1, got {batch_size}.')
        if pac_weights is not None and not Path(pac_weights).is_file():
            raise FileNotFoundError(
                f'clip.pac_weights: no such file: {pac_weights}; get clip_ViT-B-32.pth from the repository '
                'aimagelab/pacscore, or leave PAC-S out with None.'
            )
        self.model = model
        self.pac_weights = pac_weights
        self.device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
        self.batch_size = batch_size
        self._clip: ClipFeatures | None = None
        self._pac: ClipFeatures | None = None

    def scores(
        self,
        images: Iterable[Image.Image] | None,
        candidates: Sequence[str],
        references: Sequence[Sequence[str]] | None = None,
    ) -> dict[str, float]:
        """Means over the captions, see :meth:`each`.

        Raises:
            ValueError: if there is no caption, and as :meth:`each`.
        """
        if not candidates:
            raise ValueError('candidates: expected at least one caption, got none.')
        return {
            name: float(values.mean())
            for name, values in self.each(images, candidates, references).items()
        }

    def each(
        self,
        images: Iterable[Image.Image] | None,
        candidates: Sequence[str],
        references: Sequence[Sequence[str]] | None = None,
    ) -> dict[str, np.ndarray]:
        """Score every caption.

        Args:
            images: The picture of each caption, perhaps a generator, which is read batch by batch. None leaves out what
                looks at pictures.
            candidates: n captions.
            references: For each of them at least one; None leaves out what compares texts.

        Returns:
            (n,) scores by name: with pictures ``CLIP-S`` and, with the weights, ``PAC-S``; with references also
            ``RefCLIP-S``, ``RefPAC-S`` (similarity to the nearest reference, no picture, as in arXiv 2510.02898) and
            ``RefPAC-S_harmonic`` (as its authors define it).

        Raises:
            ValueError: if the numbers differ, a caption has no reference, or nothing is left to compute.
            CheckpointError: if weights are missing or do not fit.
        """
        if images is None and (references is None or self.pac_weights is None):
            raise ValueError(
                'images: without pictures only RefPAC-S is left, which needs references and pac_weights.'
            )
        if references is not None and len(references) != len(candidates):
            raise ValueError(
                f'references: expected those of {len(candidates)} candidates, got those of {len(references)}.'
            )
        pictures = None if images is None else iter(images)
        batches = [
            self._score_batch(
                None if pictures is None else _take(pictures, len(candidates[start:stop]), start),
                candidates[start:stop],
                None if references is None else references[start:stop],
            )
            for start, stop in self._spans(len(candidates))
        ]
        if pictures is not None and next(pictures, None) is not None:
            raise ValueError(
                f'images: expected {len(candidates)}, one for each candidate, got more.'
            )
        names = batches[0] if batches else ()
        return {name: np.concatenate([batch[name] for batch in batches]) for name in names}

    def _spans(self, count: int) -> Iterator[tuple[int, int]]:
        for start in range(0, count, self.batch_size):
            yield start, start + self.batch_size

    def _score_batch(
        self,
        pictures: list[Image.Image] | None,
        candidates: Sequence[str],
        references: Sequence[Sequence[str]] | None,
    ) -> dict[str, np.ndarray]:
        scores: dict[str, np.ndarray] = {}
        if pictures is not None:
            clip = self._clip_model()
            seen = clip.images(pictures)
            texts, others = _text_features(clip, candidates, references)
            scores['CLIP-S'] = clip_score(seen, texts)
            if others is not None:
                scores['RefCLIP-S'] = ref_clip_score(seen, texts, others)
        if self.pac_weights is None:
            return scores
        pac = self._pac_model()
        texts, others = _text_features(pac, candidates, references)
        if others is not None:
            scores['RefPAC-S'] = ref_pac_score(texts, others)
        if pictures is not None:
            seen = pac.images(pictures)
            scores['PAC-S'] = pac_score(seen, texts)
            if others is not None:
                scores['RefPAC-S_harmonic'] = ref_pac_score(texts, others, seen, mode='harmonic')
        return scores

    def _clip_model(self) -> ClipFeatures:
        if self._clip is None:
            self._clip = ClipFeatures.from_pretrained(self.model, self.device)
        return self._clip

    def _pac_model(self) -> ClipFeatures:
        if self._pac is None:
            assert self.pac_weights is not None  # _score_batch
            self._pac = self._clip_model().with_weights(self.pac_weights)
        return self._pac


def _take(pictures: Iterator[Image.Image], count: int, start: int) -> list[Image.Image]:
    taken = list(islice(pictures, count))
    if len(taken) < count:
        raise ValueError(
            f'images: expected one for each candidate, got {start + len(taken)} and no more.'
        )
    return taken


def _text_features(
    model: ClipFeatures, candidates: Sequence[str], references: Sequence[Sequence[str]] | None
) -> tuple[np.ndarray, list[np.ndarray] | None]:
    """Features of candidates (n, D) and of their references (K, D) each; equal texts are encoded once."""
    groups = references or []
    unique = list(dict.fromkeys([*candidates, *(text for group in groups for text in group)]))
    row_of = {text: row for row, text in enumerate(unique)}
    features = model.captions(unique)
    texts = features[[row_of[text] for text in candidates]]
    if references is None:
        return texts, None
    return texts, [features[[row_of[text] for text in group]] for group in references]
