"""Small stand-ins for what training needs: a text encoder, a neck, captions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import BertConfig, BertModel, BertTokenizerFast

from mmpatchioner.models.necks import PatchFeatures
from mmpatchioner.models.text_encoders import TextEncoder
from mmpatchioner.registry import MODELS

CAPTIONS = [
    'a black dog runs on the beach',
    'two children play with a red ball',
    'a man rides a wave on a surfboard',
    'the old woman reads a book in the park',
    'a white cat sleeps on a blue sofa',
    'three people climb a steep mountain',
    'a girl in a pink dress eats an apple',
    'a train passes under the stone bridge',
]


@MODELS.register_module(force=True)
class WordVectorEncoder(TextEncoder):
    """Mean of fixed random vectors of the words."""

    space = 'words'

    def __init__(self, embed_dims: int = 32, seed: int = 0) -> None:
        super().__init__()
        self.embed_dims = embed_dims
        generator = torch.Generator().manual_seed(seed)
        self.table = nn.Parameter(torch.randn(997, embed_dims, generator=generator))

    def settings(self) -> dict[str, object]:
        return {}

    def encode_batch(self, texts: list[str]) -> Tensor:
        rows = [[sum(map(ord, word)) * len(word) % 997 for word in text.split()] for text in texts]
        return torch.stack([F.normalize(self.table[row].sum(0), dim=0) for row in rows])


@MODELS.register_module(force=True)
class TinyNeck(nn.Module):
    """A convolution of patches of 4 pixels; counts the images that it saw."""

    seen = 0

    def __init__(self, embed_dims: int = 24, fail_after: int | None = None) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.conv = nn.Conv2d(3, embed_dims, kernel_size=4, stride=4)
        self.conv.weight.data = torch.randn(self.conv.weight.shape, generator=generator) / 7
        self.conv.bias.data.zero_()
        self.fail_after = fail_after
        self.embed_dims = embed_dims

    def init_weights(self) -> None:
        pass

    def forward(self, patch_inputs: Tensor) -> PatchFeatures:
        if self.fail_after is not None and TinyNeck.seen >= self.fail_after:
            raise KeyboardInterrupt
        TinyNeck.seen += len(patch_inputs)
        maps = self.conv(patch_inputs)
        patches = maps.flatten(2).transpose(1, 2)
        # Two heads: one looks at the first patch, the other at the second.
        logits = 1e4 * torch.eye(patches.shape[1])[None, :2].expand(len(maps), -1, -1)
        return PatchFeatures(patches, tuple(maps.shape[-2:]), head_logits_fn=lambda: logits)


def write_captions(path: Path, captions: list[str] = CAPTIONS) -> Path:
    """One caption a line."""
    path.write_text('\n'.join(captions))
    return path


def write_photos(folder: Path, count: int = 6, captions_per_photo: int = 2) -> Path:
    """Coloured noise with captions; returns the captions file."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    lines = []
    for number in range(count):
        pixels = rng.integers(0, 255, (20, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f'{number}.png')
        captions = [CAPTIONS[(number + k) % len(CAPTIONS)] for k in range(captions_per_photo)]
        lines.append(json.dumps({'image': f'{number}.png', 'split': 'train', 'captions': captions}))
    listing = folder / 'captions.jsonl'
    listing.write_text('\n'.join(lines))
    return listing


def write_bert(folder: Path) -> Path:
    """A random sentence encoder in a transformers folder."""
    folder.mkdir(parents=True, exist_ok=True)
    words = sorted({word for caption in CAPTIONS for word in caption.split()})
    vocab = folder / 'vocab.txt'
    vocab.write_text('\n'.join(['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', *words]))
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=5 + len(words),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
    )
    BertModel(config).save_pretrained(folder)
    BertTokenizerFast(str(vocab)).save_pretrained(folder)
    return folder
