"""Attention of the class token (`dino_extraction.process_self_attention`)."""

from __future__ import annotations

from torch import Tensor

from tests.tools.parity.drawing import Draw
from tests.tools.parity.released import released

GLOBAL_TOKENS, NUM_PATCHES = 5, 9
SCALE = 0.125  # of heads of 64
# Backbone: its width, its heads, and the heads that the released code takes it to have.
BACKBONES = {'two_heads': (128, 2, 16), 'vits': (384, 6, 6)}


def record() -> tuple[dict[str, Tensor], dict]:
    tensors, process = {}, released('dino_extraction').process_self_attention
    for seed, (name, (dims, _, assumed)) in enumerate(BACKBONES.items()):
        qkv = Draw(seed).normal(2, GLOBAL_TOKENS + NUM_PATCHES, 3 * dims)
        num_tokens = qkv.shape[1]
        average, heads = process(
            qkv, 2, num_tokens, assumed, dims, SCALE, GLOBAL_TOKENS, ret_self_attn_maps=True
        )
        tensors |= {
            f'{name}.qkv': qkv,
            f'{name}.attention': average,
            f'{name}.head_attention': heads.softmax(dim=-1),
        }
    return tensors, {'global_tokens': GLOBAL_TOKENS, 'backbones': BACKBONES}
