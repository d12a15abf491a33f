"""A tokenizer and decoders small enough to be random."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from mmpatchioner.models.decoders import PrefixDecoder, train_bpe

CAPTIONS = [
    'A man riding a wave on top of a surfboard.',
    'A dog runs on the grass .',
    'A man\'s t-shirt says "surf", size 10!',
    'Two people ride a red bike (fast), and a child watches.',
    'The kitchen has a stove; it does not have a sink.',
]


@pytest.fixture(scope='session')
def tokenizer_file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp('tokenizer') / 'tokenizer.json'
    train_bpe(CAPTIONS, vocab_size=120, path=path)
    return path


@pytest.fixture(scope='session')
def make_decoder(tokenizer_file) -> Callable[..., PrefixDecoder]:
    def make(**kwargs) -> PrefixDecoder:
        torch.manual_seed(0)
        clean = kwargs.pop('clean', 'strip')
        sizes = dict(
            prefix_dims=16,
            hidden_dims=32,
            num_layers=2,
            num_heads=4,
            vocab_size=150,
            max_positions=40,
            dropout=0.0,
            tokenizer=dict(
                type='mmpatchioner.CaptionTokenizer', file=str(tokenizer_file), clean=clean
            ),
        )
        return PrefixDecoder(**{**sizes, **kwargs})

    return make
