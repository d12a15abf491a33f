"""The prefix decoder: a small GPT-2 that reads one vector and writes a caption."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmpatchioner.checkpoints import PretrainedModule
from mmpatchioner.models.decoders.captions import Captions
from mmpatchioner.models.decoders.generation import decode
from mmpatchioner.models.decoders.transformer import Transformer
from mmpatchioner.registry import MODELS


@MODELS.register_module()
class PrefixDecoder(PretrainedModule):
    """Text decoder conditioned on one vector at the first position (DeCap, arXiv 2303.03032).

    A linear map turns the vector into the first input of a GPT-2, whose first output predicts the start marker. The
    default sizes are those of the published decoders.

    Args:
        prefix_dims: Width of the vectors.
        hidden_dims: Width of the transformer.
        num_layers: Its blocks.
        num_heads: Its attention heads.
        vocab_size: Tokens of the model; at least those of the tokenizer. Those beyond it are never produced.
        max_positions: Longest sequence, prefix included.
        dropout: In training.
        tokenizer: Config of a :class:`CaptionTokenizer`.
        max_length: Most tokens of a caption, markers included.
        num_beams: Hypotheses in search; 1 is greedy, as published.
        train_length: Captions are cut to this many tokens in training, markers included; 20 is published.
        label_smoothing: Of the loss; 0.1 is published.
        init_cfg: ``dict(type='Pretrained', checkpoint=...)`` loads all weights or raises.

    Raises:
        ValueError: if a size is out of range or the tokenizer has more tokens than the model.
    """

    def __init__(
        self,
        prefix_dims: int,
        hidden_dims: int = 768,
        num_layers: int = 4,
        num_heads: int = 4,
        vocab_size: int = 50257,
        max_positions: int = 1024,
        dropout: float = 0.1,
        *,
        tokenizer: dict[str, Any],
        max_length: int = 30,
        num_beams: int = 1,
        train_length: int = 20,
        label_smoothing: float = 0.1,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.tokenizer = MODELS.build(tokenizer)
        if vocab_size < self.tokenizer.vocab_size:
            raise ValueError(
                f'decoder.vocab_size: expected at least {self.tokenizer.vocab_size}, the tokens of the tokenizer, '
                f'got {vocab_size}.'
            )
        self.prefix = nn.Linear(prefix_dims, hidden_dims)
        self.transformer = Transformer(
            vocab_size, hidden_dims, num_layers, num_heads, max_positions, dropout
        )
        self.prefix_dims = prefix_dims
        self.max_length = self._check_length('max_length', max_length)
        self.train_length = self._check_length('train_length', train_length)
        self.num_beams = num_beams
        self.label_smoothing = label_smoothing

    def loss(self, embeddings: Tensor, captions: Sequence[str]) -> dict[str, Tensor]:
        """Reconstruct captions from their embeddings (DeCap; section 3.1 of arXiv 2510.02898).

        Args:
            embeddings: (B, D) unit text embeddings, with noise if the model is to be used without a memory.
            captions: The B texts.

        Returns:
            ``loss``: mean cross entropy of the tokens with label smoothing; ``accuracy``: share of tokens that are
            the most probable ones. Padding counts in neither.

        Raises:
            ValueError: if the embeddings are of another width or number.
        """
        self._check_width(embeddings)
        if len(embeddings) != len(captions):
            raise ValueError(
                f'embeddings: expected one for each of {len(captions)} captions, got {len(embeddings)}.'
            )
        targets = self.tokenizer.encode_batch(captions, self.train_length).to(embeddings.device)
        # The prefix predicts the first token, each token the next one; what follows the last is not asked.
        inputs = self.transformer.token_embedding(targets[:, :-1])
        hidden = self.transformer(torch.cat([self.prefix(embeddings)[:, None], inputs], dim=1))
        # Logits of what counts only: the head is more than half of the work.
        counted = targets != self.tokenizer.pad_id
        logits, targets = self.transformer.logits(hidden[counted]), targets[counted]
        return {
            'loss': F.cross_entropy(logits.float(), targets, label_smoothing=self.label_smoothing),
            'accuracy': (logits.detach().argmax(dim=-1) == targets).float().mean(),
        }

    def generate(
        self,
        embeddings: Tensor,
        num_beams: int | None = None,
        max_length: int | None = None,
        official_scores: bool = False,
    ) -> Captions:
        """Caption R vectors in one batch.

        Args:
            embeddings: (R, D); none is legal.
            num_beams: Other than the decoder's.
            max_length: Other than the decoder's.
            official_scores: Also give the released code's score, the probability of ``max_length`` tokens: its decoding
                never stops, so that the tokens after the end of the caption count, and tokens of the model that are
                not the tokenizer's have a share. It is greedy, and so are the captions then.

        Raises:
            ValueError: if the embeddings are of another width or not finite, or an argument is out of range.
        """
        self._check_width(embeddings)
        if not embeddings.isfinite().all():
            raise ValueError('embeddings: expected finite vectors, got NaN or infinity.')
        own_beams = 1 if official_scores else self.num_beams
        beams = own_beams if num_beams is None else num_beams
        if beams < 1:
            raise ValueError(f'num_beams: expected at least 1, got {beams}.')
        length = self.max_length if max_length is None else max_length
        training = self.training
        self.eval()
        try:
            with torch.inference_mode(), torch.autocast(embeddings.device.type, enabled=False):
                sequences = decode(
                    self.transformer,
                    self.prefix(embeddings.float())[:, None],
                    stop_ids=[self.tokenizer.eos_id],
                    max_length=self._check_length('max_length', length),
                    vocab_size=self.tokenizer.vocab_size,
                    num_beams=beams,
                    full_length=official_scores,
                )
        finally:
            self.train(training)
        full = sequences.full_log_probs
        # Clones made out here are ordinary tensors, which a caller may change and differentiate.
        return Captions(
            texts=[self.tokenizer.decode(ids) for ids in sequences.ids.tolist()],
            scores=sequences.scores.clone(),
            token_ids=sequences.ids.clone(),
            token_log_probs=sequences.log_probs.clone(),
            official_scores=None if full is None else full.exp(),
        )

    def _check_width(self, embeddings: Tensor) -> None:
        if embeddings.ndim != 2 or embeddings.shape[1] != self.prefix_dims:
            raise ValueError(
                f'embeddings: expected (R, {self.prefix_dims}), got {tuple(embeddings.shape)}. '
                'The decoder belongs to another space (prefix_dims).'
            )

    def _check_length(self, name: str, length: int) -> int:
        longest = self.transformer.max_positions - 1
        if not 1 <= length <= longest:
            raise ValueError(
                f'decoder.{name}: expected 1 to {longest} (max_positions less the prefix), got {length}.'
            )
        return length
