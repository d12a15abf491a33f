"""The published way of each step, as one side of the comparison.

Written anew from a description of the released system (DeCap's decoder and memory, arXiv 2303.03032, as used by
arXiv 2510.02898): what it computes, in the order and in the chunks in which it computes it. The network itself is the
one that the released code runs too, GPT-2 of transformers.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import GPT2Config, GPT2LMHeadModel

STEPS = 30
"""Tokens that are decoded for every region, however long its caption is."""

CHUNK = 4
"""Regions of one image that are projected and decoded in one call."""


class PublishedDecoder(nn.Module):
    """A linear map of the region's embedding to one prefix position, and a GPT-2.

    Args:
        prefix_dims: Width of the region's embedding.
        hidden_dims: Width of the network.
        num_layers: Blocks.
        num_heads: Attention heads of a block.
        vocab_size: Size of the vocabulary.
        max_positions: Length of the table of positions.
    """

    def __init__(
        self,
        prefix_dims: int,
        hidden_dims: int = 768,
        num_layers: int = 4,
        num_heads: int = 4,
        vocab_size: int = 50257,
        max_positions: int = 1024,
    ) -> None:
        super().__init__()
        self.prefix = nn.Linear(prefix_dims, hidden_dims)
        self.gpt2 = GPT2LMHeadModel(
            GPT2Config(
                vocab_size=vocab_size,
                n_positions=max_positions,
                n_embd=hidden_dims,
                n_layer=num_layers,
                n_head=num_heads,
                bos_token_id=None,
                eos_token_id=None,
            )
        )
        self.eval()

    @torch.no_grad()
    def decode(self, embeddings: Tensor) -> Tensor:
        """Greedy ids of every region, (R, D) -> (R, 30): the whole sequence anew at each step, for all 30 steps."""
        return torch.cat([self._decode_chunk(chunk) for chunk in embeddings.split(CHUNK)])

    def _decode_chunk(self, embeddings: Tensor) -> Tensor:
        inputs = self.prefix(embeddings)[:, None]
        ids = []
        for _ in range(STEPS):
            logits = self.gpt2(inputs_embeds=inputs).logits
            chosen = torch.softmax(logits[:, -1], dim=-1).argmax(dim=-1)
            ids.append(chosen)
            inputs = torch.cat([inputs, self.gpt2.transformer.wte(chosen)[:, None]], dim=1)
        return torch.stack(ids, dim=1)


def project(embeddings: Tensor, memory: Tensor, temperature: float = 0.01) -> Tensor:
    """Project regions on the memory, whose rows are normalised anew for every chunk.

    Args:
        embeddings: (R, D) pooled regions.
        memory: (M, D) rows as they are stored, not of unit length.
        temperature: Of the softmax over the cosines.

    Returns:
        (R, D) unit rows.
    """
    projected = []
    for chunk in embeddings.split(CHUNK):
        unit = memory / memory.norm(dim=-1, keepdim=True)
        query = chunk / chunk.norm(dim=-1, keepdim=True)
        weights = torch.softmax(query @ unit.T / temperature, dim=-1)
        mixed = weights @ memory
        projected.append(mixed / mixed.norm(dim=-1, keepdim=True))
    return torch.cat(projected)


def pool_boxes(patches: Tensor, boxes: Tensor, patch_size: int) -> Tensor:
    """Mean patch of every box, one box after the other.

    Args:
        patches: (B, rows, cols, D) patches of the images.
        boxes: (B, K, 4) x, y, width, height in pixels of the network's input.
        patch_size: Side of a patch, pixels.

    Returns:
        (B, K, D), by the released code's floor rule.
    """
    images = []
    for image, image_boxes in zip(patches, boxes, strict=True):
        means = []
        for box in image_boxes:
            left, top, width, height = (
                int(torch.floor_divide(number, patch_size).item()) for number in box
            )
            inside = image[top : top + height + 1, left : left + width + 1]
            means.append(inside.mean(dim=(0, 1)))
        images.append(torch.stack(means))
    return torch.stack(images)
