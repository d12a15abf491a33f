"""Attention of the class token, against the released code."""

from __future__ import annotations

import pytest
import torch
from transformers import Dinov2Config
from transformers.models.dinov2.modeling_dinov2 import Dinov2Attention

from mmpatchioner.models.necks import PatchFeatures
from mmpatchioner.models.necks.dinov2 import class_token_logits


@pytest.fixture(scope='module', params=['two_heads', 'vits'])
def case(request, recorded):
    """Features whose last block has the recorded queries and keys, what was recorded, and both numbers of heads."""
    record = recorded('attention')
    dims, heads, assumed = record.values['backbones'][request.param]
    tensors = record.part(f'{request.param}.')
    queries, keys, _ = tensors['qkv'].split(dims, dim=-1)
    first = record.values['global_tokens']
    features = PatchFeatures(
        patches=torch.zeros(2, 9, dims),
        grid=(3, 3),
        head_logits_fn=lambda: _logits(queries, keys, heads, first),
    )
    return features, tensors, heads, assumed


def _logits(queries, keys, heads, first):
    """The neck's arithmetic, with projections that hand over the recorded queries and keys."""
    attention = Dinov2Attention(
        Dinov2Config(hidden_size=queries.shape[-1], num_attention_heads=heads)
    )
    dims = queries.shape[-1]
    both = torch.cat([queries, keys], dim=-1)
    query, key = torch.nn.Linear(2 * dims, dims, False), torch.nn.Linear(2 * dims, dims, False)
    with torch.no_grad():
        query.weight.copy_(torch.eye(2 * dims)[:dims])
        key.weight.copy_(torch.eye(2 * dims)[dims:])
    if hasattr(attention, 'q_proj'):
        attention.q_proj, attention.k_proj = query, key
    else:
        attention.attention.query, attention.attention.key = query, key
    return class_token_logits(attention, both, heads, first)


@torch.no_grad()
def test_official_attention(case):
    features, tensors, *_ = case
    torch.testing.assert_close(features.attention(official=True), tensors['attention'])


@torch.no_grad()
def test_default_counts_the_heads_there_are(case):
    features, tensors, heads, assumed = case
    # The released code takes every backbone but ViT-S to have 16 heads, which flattens the attention.
    theirs = tensors['attention'].log()
    right = (theirs * assumed / heads).softmax(dim=-1)
    torch.testing.assert_close(features.attention(), right, atol=1e-5, rtol=1e-4)
    assert torch.allclose(features.attention(), tensors['attention']) == (heads == assumed)


@torch.no_grad()
def test_attention_of_every_head(case):
    features, tensors, heads, assumed = case
    ours = features.head_attention()
    assert ours.shape[1] == heads
    assert tensors['head_attention'].shape[1] == assumed
    if heads == assumed:
        torch.testing.assert_close(ours, tensors['head_attention'])
