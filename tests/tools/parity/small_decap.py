"""The released DeCap decoder with few channels, and random weights that make it say something."""

from __future__ import annotations

import pickle
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor

from tests.tools.parity.drawing import Draw, rounded
from tests.tools.parity.released import SCRATCH, released

HIDDEN, POSITIONS = 32, 64
CLIP_TOKENS, START, END = 49408, 49406, 49407
UNTRAINED_TOKENS = 50257 - CLIP_TOKENS  # of the model, unknown to its tokenizer
END_PULL = 2.0
WORDS = """
    a an the and of in on at with to near by under over two three man men woman people child dog cat horse bird cow
    sheep bear car bus truck train bike boat plane street road field grass tree beach water snow sky table chair bed
    bench sofa kitchen room window door plate food pizza cake ball game red blue green white black small large old
    young sitting standing walking riding holding playing eating looking is are his her . , !
"""
_TOKENS, _HEAD = 'decoder.transformer.wte.weight', 'decoder.lm_head.weight'
_POSITIONS = 'decoder.transformer.wpe.weight'


def released_decap() -> ModuleType:
    """The module, told to build small decoders: it reads the sizes from a pickled configuration."""
    from transformers import GPT2Config

    module = released('decap.decap')
    config = GPT2Config(n_embd=HIDDEN, n_layer=4, n_head=4, n_positions=POSITIONS)
    path = SCRATCH / 'decoder_config.pkl'
    path.write_bytes(pickle.dumps(config))
    module.DECAP_DECODER_CONFIG_PATH = str(path)
    return module


def random_weights(draw: Draw, prefix_dims: int) -> dict[str, Tensor]:
    """A checkpoint in the published layout.

    Only the start, the end and some words have embeddings, and so are produced. What the blocks add is large, else the
    output, which is the embedding too, would repeat a word for ever. Positions lead to the end,
    so that captions are of different lengths.
    """
    module = released_decap()
    weights = {}
    for name, tensor in module.DeCap(prefix_dims).state_dict().items():
        if name in (_TOKENS, _HEAD):
            continue
        scale = 3 / tensor.shape[0] ** 0.5 if tensor.ndim > 1 else 0.1
        weights[name] = draw.normal(*tensor.shape, scale=scale)
        if '.ln_' in name and name.endswith('weight'):
            weights[name] = rounded(1 + weights[name])
    words = [module._Tokenizer.encoder[f'{word}</w>'] for word in WORDS.split()]
    ids = torch.tensor(sorted({*words, START, END}))
    rows = draw.normal(len(ids), HIDDEN)
    drift = torch.linspace(0, 1, POSITIONS)[:, None] * END_PULL * rows[-1]
    weights[_POSITIONS] = rounded(draw.normal(POSITIONS, HIDDEN) + drift)
    weights[_TOKENS] = torch.zeros(CLIP_TOKENS + UNTRAINED_TOKENS, HIDDEN)
    weights[_TOKENS][ids] = rows
    weights[_HEAD] = weights[_TOKENS]
    return weights


def load(weights: dict[str, Tensor], prefix_dims: int):
    """The released decoder, from a file."""
    return released_decap().get_decap_model('cpu', str(save(weights)), prefix_dims)


def save(weights: dict[str, Tensor]) -> Path:
    path = SCRATCH / 'decap-009.pt'
    torch.save(weights, path)
    return path


def without_zeros(weights: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Weights for a record, of the embeddings only the rows that are not zero, and the text of those tokens."""
    kept = {name: tensor for name, tensor in weights.items() if name not in (_TOKENS, _HEAD)}
    ids = weights[_TOKENS].any(dim=1).nonzero()[:, 0]
    words = released_decap()._Tokenizer.decoder
    texts = {str(i): words[i] for i in ids.tolist() if i < CLIP_TOKENS}
    return {**kept, 'token_ids': ids, 'token_rows': weights[_TOKENS][ids]}, texts
