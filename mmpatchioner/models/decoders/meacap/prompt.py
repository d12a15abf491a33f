"""MeaCap's hard prompt: what the captions of a memory that fit a region agree on."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from mmengine.model import BaseModule
from torch import Tensor
from torch.nn import functional as F

from mmpatchioner.checkpoints.memory_file import Memory
from mmpatchioner.models.decoders.meacap.concepts import (
    check_compat,
    count_concepts,
    describe_concepts,
    merge_concepts,
)
from mmpatchioner.models.decoders.meacap.memo import Memo
from mmpatchioner.models.decoders.meacap.retrieval import CaptionRetrieval
from mmpatchioner.models.decoders.meacap.scene_graph import SceneGraph
from mmpatchioner.models.decoders.prompt_text import compose_prompt
from mmpatchioner.models.text_encoders import TextEncoder
from mmpatchioner.registry import MODELS


@MODELS.register_module()
class MeaCapPrompt(BaseModule):
    """Retrieve, parse, merge, filter: key concepts of a region as a sentence (MeaCap, arXiv 2403.03715).

    The captions of a memory that are nearest to a region are parsed to scene graphs; entities whose names mean the same
    are merged; those that most of the captions speak of make the prompt ``There are brown dog, bench in image.``

    Captions are parsed and names are encoded once, however many regions need them, and what a region gets depends on
    nothing but the region. The networks are frozen and no part of the state dict, which is that of the decoder alone.

    Args:
        memory: File of :func:`mmpatchioner.checkpoints.save_memory` with its texts, or a :class:`Memory`.
        parser: Config of the parser, e.g. ``dict(type='mmpatchioner.SceneGraphParser')``.
        sentence_encoder: Config of the text encoder that compares names.
        num_captions: Captions of a region; 5 is published.
        threshold: Names of a larger cosine mean the same; 0.55 is published.
        min_count: How often a concept or an attribute must occur in the captions; 3 is published.
        max_concepts: How many are named; 4 is published.
        compat: ``'official'`` orders the concepts as the released code does, see :func:`describe_concepts`.
        dtype: Type of the rows in memory, see :class:`CaptionRetrieval`.
        chunk_size: Rows of the memory at a time, likewise.

    Raises:
        ValueError: if an argument is out of range or the memory has no texts.
        TypeError: if ``sentence_encoder`` is none.
        CheckpointError: if a file or a model is missing.
    """

    def __init__(
        self,
        memory: str | os.PathLike[str] | Memory,
        parser: dict[str, Any],
        sentence_encoder: dict[str, Any],
        num_captions: int = 5,
        threshold: float = 0.55,
        min_count: int = 3,
        max_concepts: int = 4,
        compat: Literal['official'] | None = None,
        dtype: str | None = None,
        chunk_size: int | None = None,
    ) -> None:
        super().__init__()
        check_compat(compat)
        for name, value in {'min_count': min_count, 'max_concepts': max_concepts}.items():
            if value < 1:
                raise ValueError(f'hard_prompt.{name}: expected at least 1, got {value}.')
        self.retrieval = CaptionRetrieval(memory, num_captions, dtype, chunk_size)
        encoder = MODELS.build(sentence_encoder)
        if not isinstance(encoder, TextEncoder):
            raise TypeError(
                'hard_prompt.sentence_encoder: expected the config of a TextEncoder, got one of '
                f'{type(encoder).__name__}.'
            )
        # In a tuple they are no submodules, and so not in the state dict; _apply moves them all the same.
        self._networks = (MODELS.build(parser), encoder.requires_grad_(False).eval())
        self._directions = Memo(self._encode)
        self.threshold = threshold
        self.min_count = min_count
        self.max_concepts = max_concepts
        self.compat = compat

    @property
    def space(self) -> str | None:
        """Name of the space of the memory, if it was recorded."""
        return self.retrieval.space

    @torch.no_grad()
    def forward(self, embeddings: Tensor) -> list[str]:
        """Write the prompts of regions.

        Args:
            embeddings: (R, D) in the space of the memory; not changed.

        Returns:
            R prompts.

        Raises:
            ValueError: if the embeddings are of another width.
        """
        return [compose_prompt(concepts) for concepts in self.concepts(embeddings)]

    @torch.no_grad()
    def concepts(self, embeddings: Tensor) -> list[list[str]]:
        """Find the key concepts of regions (R, D), R lists; a list may be empty."""
        captions = self.retrieval(embeddings)
        parser, _ = self._networks
        graphs = parser(caption for of_region in captions for caption in of_region)
        return self._agreed(captions, graphs)

    def _agreed(self, captions: list[list[str]], graphs: dict[str, SceneGraph]) -> list[list[str]]:
        counted = [count_concepts([graphs[text] for text in texts]) for texts in captions]
        directions = self._directions(concept.name for each in counted for concept in each)
        agreed = []
        for texts, concepts in zip(captions, counted, strict=True):
            if concepts:
                rows = torch.stack([directions[concept.name] for concept in concepts])
                concepts = merge_concepts(concepts, rows @ rows.T, self.threshold)
            agreed.append(
                describe_concepts(concepts, texts, self.compat, self.min_count, self.max_concepts)
            )
        return agreed

    def _encode(self, names: list[str]) -> Sequence[Tensor]:
        _, encoder = self._networks
        return F.normalize(encoder.encode(names).cpu(), dim=1).unbind()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> MeaCapPrompt:
        for network in self._networks:
            network._apply(fn)
        return super()._apply(fn, recurse)
