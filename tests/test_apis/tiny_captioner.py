"""A captioner that is small enough to be built in every test: real parts, random weights, a decoder of few words."""

from __future__ import annotations

from types import SimpleNamespace

from mmengine.config import Config
from mmengine.model import BaseModule
from torch import Tensor

from mmpatchioner.registry import MODELS

WORDS = ('cat', 'dog', 'house', 'tree', 'sky', 'road', 'boat', 'bird')


@MODELS.register_module(force=True)
class FewWordsDecoder(BaseModule):
    """Says which of the first dimensions of an embedding is the largest."""

    def generate(self, embeddings: Tensor) -> SimpleNamespace:
        best = embeddings[:, : len(WORDS)].max(dim=1) if len(embeddings) else None
        texts = [] if best is None else [f'a {WORDS[i]}' for i in best.indices.tolist()]
        scores = embeddings.new_zeros(0) if best is None else best.values - 2.0
        return SimpleNamespace(texts=texts, scores=scores)


def tiny_config() -> Config:
    neck = dict(
        type='mmpatchioner.DINOv2Neck',
        backbone=dict(
            config=dict(hidden_size=32, num_hidden_layers=1, num_attention_heads=2, patch_size=7, image_size=28)
        ),
    )
    head = dict(
        type='mmpatchioner.PatchionerHead',
        bridge=dict(type='mmpatchioner.IdentityBridge'),
        decoder=dict(type='mmpatchioner.FewWordsDecoder'),
    )
    return Config(
        dict(
            default_scope='mmdet',
            model=dict(
                type='mmpatchioner.DenseCaptioner', neck=neck, caption_head=head, region_source='regions'
            ),
            test_pipeline=[
                dict(type='LoadImageFromFile'),
                dict(type='mmpatchioner.AddPatchView', size=28),
                dict(type='mmpatchioner.PackCaptionInputs'),
            ],
        )
    )
