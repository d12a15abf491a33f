"""Files in the published layout, from what was recorded of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models
from torch import Tensor, nn

from mmpatchioner.checkpoints import save_safetensors
from mmpatchioner.checkpoints.decap import convert_decap, decoder_arguments

_CLIP_TOKENS, _MODEL_TOKENS = 49408, 50257
_MARKERS = {'<|startoftext|>': 49406, '<|endoftext|>': 49407}


def decap_checkpoint(weights: dict[str, Tensor], folder: Path) -> Path:
    """The file of a DeCap decoder; of its embeddings only the rows that are not zero were recorded."""
    weights = dict(weights)
    ids, rows = weights.pop('token_ids'), weights.pop('token_rows')
    table = torch.zeros(_MODEL_TOKENS, rows.shape[1])
    table[ids] = rows
    embeddings = ('decoder.transformer.wte.weight', 'decoder.lm_head.weight')
    torch.save({**weights, **dict.fromkeys(embeddings, table)}, folder / 'decap-009.pt')
    return folder / 'decap-009.pt'


def assert_same_scores(ours: Tensor, theirs: Tensor) -> None:
    """Compare probabilities of 30 tokens, by the mean of their logarithms.

    Random weights that say something have logits of some 30, of which fp32 holds six digits.
    """
    torch.testing.assert_close(ours.log() / 30, theirs.log() / 30, atol=5e-5, rtol=0)


def clip_tokenizer(tokens: dict[str, str], folder: Path) -> Path:
    """A tokenizer with CLIP's number of tokens, of which it knows the recorded ones."""
    vocabulary = {f'[{index}]': index for index in range(_CLIP_TOKENS)}
    for index, text in tokens.items():
        del vocabulary[f'[{index}]']
        vocabulary[text] = int(index)
    assert _MARKERS.items() <= vocabulary.items()
    Tokenizer(models.BPE(vocabulary, merges=[])).save(str(folder / 'tokenizer.json'))
    return folder / 'tokenizer.json'


def decap_decoder(
    path: Path, tokens: dict[str, str], folder: Path, **options: Any
) -> dict[str, Any]:
    """The config of a decoder with the weights of a published file."""
    converted = convert_decap(path)
    weights = folder / 'decoder.safetensors'
    save_safetensors(converted.tensors, weights)
    tokenizer = clip_tokenizer(tokens, folder)
    return dict(
        type='mmpatchioner.PrefixDecoder',
        **decoder_arguments(converted),
        tokenizer=dict(type='mmpatchioner.CaptionTokenizer', file=str(tokenizer), clean='none'),
        init_cfg=dict(type='Pretrained', checkpoint=str(weights)),
        **options,
    )


_DINOV2_NAMES = (
    ('patch_embed.proj', 'embeddings.patch_embeddings.projection'),
    ('pos_embed', 'embeddings.position_embeddings'),
    ('cls_token', 'embeddings.cls_token'),
    ('register_tokens', 'embeddings.register_tokens'),
    ('blocks.', 'encoder.layer.'),
    ('ls1.gamma', 'layer_scale1.lambda1'),
    ('ls2.gamma', 'layer_scale2.lambda1'),
)


def load_dinov2(backbone: nn.Module, weights: dict[str, Tensor]) -> None:
    """Give a DINOv2 of transformers the weights of one in its authors' layout."""
    own = backbone.state_dict()
    if any('.attention.q_proj.' in name for name in own):  # transformers >= 5
        query, key, value, out = (f'attention.{name}_proj' for name in 'qkvo')
    else:
        query, key, value = (f'attention.attention.{name}' for name in ('query', 'key', 'value'))
        out = 'attention.output.dense'
    state = {}
    for name, tensor in weights.items():
        for theirs, ours in (*_DINOV2_NAMES, ('attn.proj', out)):
            name = name.replace(theirs, ours)
        if name.startswith('norm.'):
            name = f'layer{name}'
        if '.attn.qkv.' in name:
            for part, kind in zip(tensor.chunk(3), (query, key, value), strict=True):
                state[name.replace('attn.qkv', kind)] = part
        else:
            state[name] = tensor
    mask = {name: tensor for name, tensor in own.items() if name.endswith('mask_token')}
    backbone.load_state_dict({**state, **mask})
