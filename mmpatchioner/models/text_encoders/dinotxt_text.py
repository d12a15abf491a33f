"""The text tower of DINO.txt."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmpatchioner.checkpoints import PretrainedModule
from mmpatchioner.models.self_attention import SelfAttention
from mmpatchioner.models.text_encoders.base import TextEncoder
from mmpatchioner.models.text_encoders.packing import build_tokenizer, pack_texts
from mmpatchioner.registry import MODELS


class TextBlock(nn.Module):
    """Causal attention and a two-layer network, each after a LayerNorm and beside a residual."""

    def __init__(self, dims: int, num_heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dims)
        self.attention = SelfAttention(dims, num_heads, causal=True)
        self.norm2 = nn.LayerNorm(dims)
        self.fc1 = nn.Linear(dims, 4 * dims)
        self.fc2 = nn.Linear(4 * dims, dims)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (n, T, dims) to the same shape."""
        tokens = tokens + self.attention(self.norm1(tokens))
        return tokens + self.fc2(F.gelu(self.fc1(self.norm2(tokens))))


class DINOTxtTextTower(PretrainedModule):
    """DINO.txt's causal transformer over tokens, and its linear projection (arXiv 2412.16334).

    Args:
        vocab_size: Tokens.
        dims: Width.
        num_layers: Blocks.
        num_heads: Attention heads.
        max_length: Longest text in tokens, start and end included.
        out_dims: Width of the text vectors, both halves.
        init_cfg: ``dict(type='Pretrained', checkpoint=...)`` loads weights that
            tools/model_converters/dinotxt_to_mmpatchioner.py wrote, all of them or none.
    """

    def __init__(
        self,
        vocab_size: int = 49408,
        dims: int = 1280,
        num_layers: int = 24,
        num_heads: int = 20,
        max_length: int = 77,
        out_dims: int = 2048,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.vocab_size = vocab_size
        self.max_length = max_length
        self.out_dims = out_dims
        self.token_embedding = nn.Embedding(vocab_size, dims)
        self.position_embedding = nn.Parameter(0.01 * torch.randn(max_length, dims))
        self.blocks = nn.ModuleList(TextBlock(dims, num_heads) for _ in range(num_layers))
        self.norm = nn.LayerNorm(dims)
        self.projection = nn.Linear(dims, out_dims, bias=False)

    def forward(self, token_ids: Tensor, ends: Tensor) -> Tensor:
        """Encode texts.

        Args:
            token_ids: (n, T) int64; what stands after the end of a text is not seen.
            ends: (n,) int64, where each text has its end marker, whose output stands for it.

        Returns:
            (n, out_dims), not normalised.
        """
        tokens = self.token_embedding(token_ids) + self.position_embedding[: token_ids.shape[1]]
        for block in self.blocks:
            tokens = block(tokens)
        rows = torch.arange(len(tokens), device=tokens.device)
        return self.projection(self.norm(tokens[rows, ends]))


@MODELS.register_module()
class DINOTxtTextEncoder(TextEncoder):
    """DINO.txt's text vectors, or the half of them that belongs to patches; not normalised (arXiv 2412.16334).

    Args:
        tower: Arguments of :class:`DINOTxtTextTower`, e.g. ``dict(init_cfg=dict(type='Pretrained', checkpoint=...))``.
        tokenizer: Config of a :class:`mmpatchioner.models.decoders.CaptionTokenizer`; DINO.txt has CLIP's.
        half: ``'patches'``, the second half, trained against the mean of the patches; ``'class'``, the first, trained
            against the class token; or ``'both'``, the vector as it is.
        autocast: Run the transformer in bf16.
        space: Name of the vector space; the half, if it is not that of the patches, is added to it.

    Raises:
        ValueError: if ``half`` is unknown, or the tower has fewer tokens than the tokenizer.
    """

    def __init__(
        self,
        tower: dict[str, Any],
        tokenizer: dict[str, Any],
        half: Literal['patches', 'class', 'both'] = 'patches',
        autocast: bool = False,
        space: str = 'dinotxt-vitl14-reg',
    ) -> None:
        super().__init__()
        self.tower = DINOTxtTextTower(**tower).eval()
        middle, width = self.tower.out_dims // 2, self.tower.out_dims
        halves = {
            'patches': slice(middle, width),
            'class': slice(middle),
            'both': slice(width),
        }
        if half not in halves:
            raise ValueError(f'encoder.half: expected one of {sorted(halves)}, got {half!r}.')
        self.tokenizer = build_tokenizer(tokenizer, self.tower.vocab_size)
        self.half = half
        self._columns = halves[half]
        self.autocast = autocast
        self.embed_dims = len(range(width)[self._columns])
        self.space = space if half == 'patches' else f'{space}_{half}'

    def settings(self) -> dict[str, object]:
        """See :meth:`TextEncoder.settings`."""
        return {
            'autocast': self.autocast,
            'half': self.half,
            'heads': [block.attention.num_heads for block in self.tower.blocks],
        }

    def encode_batch(self, texts: list[str]) -> Tensor:
        """Encode one batch of sentences to (n, D) fp32; what exceeds 77 tokens is cut off before the end marker."""
        max_length = self.tower.max_length
        token_ids, ends = pack_texts(texts, self.tokenizer, max_length, self.device)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.autocast):
            vectors = self.tower(token_ids, ends)
        return vectors.float()[:, self._columns]
