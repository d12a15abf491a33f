"""A language model that goes on from a prompt: what ViECap, MeaCap and ClipCap have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from mmpatchioner.checkpoints import PretrainedModule
from mmpatchioner.checkpoints.gpt2 import load_gpt2
from mmpatchioner.models.decoders.captions import Captions
from mmpatchioner.models.decoders.generation import decode, pad_prompts
from mmpatchioner.models.decoders.sampling import Nucleus
from mmpatchioner.models.decoders.transformer import Transformer
from mmpatchioner.registry import MODELS


class PromptedDecoder(PretrainedModule):
    """GPT-2 that goes on from a prompt of vectors, up to a full stop.

    All regions are decoded together: prompts are filled up at their beginnings, which no position sees, so that no
    caption depends on the others of its batch. The default sizes are those of GPT-2 small.

    Args:
        prefix_dims: Width D of the vectors.
        tokenizer: Config of a :class:`GPT2Tokenizer`.
        hidden_dims: Width of the language model.
        num_layers: Its blocks.
        num_heads: Its attention heads.
        vocab_size: Its tokens.
        max_positions: Longest sequence, prompts included.
        dropout: In training.
        max_length: Most tokens of a caption.
        num_beams: Hypotheses in search; 1 is greedy.
        nucleus: What tokens are drawn from; None takes the most probable.
        train_length: Captions are cut to this many tokens in training.
        language_model: Folder or hub id of a GPT-2 of these sizes to begin training with; None begins with random
            weights.
        init_cfg: ``dict(type='Pretrained', checkpoint=...)`` loads all weights or raises.

    Raises:
        ValueError: if a size is out of range or the tokenizer has more tokens than the model.
    """

    def __init__(
        self,
        prefix_dims: int,
        tokenizer: dict[str, Any],
        hidden_dims: int = 768,
        num_layers: int = 12,
        num_heads: int = 12,
        vocab_size: int = 50257,
        max_positions: int = 1024,
        dropout: float = 0.1,
        max_length: int = 64,
        num_beams: int = 1,
        nucleus: Nucleus | None = None,
        train_length: int = 64,
        language_model: str | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.tokenizer = MODELS.build(tokenizer)
        if vocab_size < self.tokenizer.vocab_size:
            raise ValueError(
                f'decoder.vocab_size: expected at least {self.tokenizer.vocab_size}, the tokens of the tokenizer, '
                f'got {vocab_size}.'
            )
        self.transformer = Transformer(
            vocab_size, hidden_dims, num_layers, num_heads, max_positions, dropout
        )
        self.prefix_dims = prefix_dims
        self.max_length = _positive('max_length', max_length)
        self.num_beams = _positive('num_beams', num_beams)
        self.train_length = _positive('train_length', train_length)
        self.nucleus = nucleus
        self.language_model = language_model

    @abstractmethod
    def prompts(self, embeddings: Tensor) -> list[Tensor]:
        """What the language model goes on from, for vectors (R, D): R tensors (length, hidden_dims)."""

    def training_prompts(self, embeddings: Tensor, captions: Sequence[str]) -> list[Tensor]:
        """What it learns to go on from, for vectors (B, D) of captions: B tensors (length, hidden_dims)."""
        return self.prompts(embeddings)

    def to_text(self, ids: Sequence[int]) -> str:
        """The caption that tokens say."""
        return self.tokenizer.decode(ids)

    def released_scores(self, perplexities: Tensor) -> Tensor:
        """What the released code ranks by, (R,), from the captions' perplexities (R,) without a prompt."""
        return perplexities

    def init_weights(self) -> None:
        """Load the weights of ``init_cfg``, or the language model that training begins with.

        Raises:
            CheckpointError: if a file cannot be read or does not fit.
        """
        super().init_weights()
        if self.language_model is not None and self.init_cfg is None:
            load_gpt2(self.transformer, self.language_model, 'decoder.language_model')

    def loss(self, embeddings: Tensor, captions: Sequence[str]) -> dict[str, Tensor]:
        """Reconstruct captions after their prompts.

        Captions are taught as sentences: with a capital and a full stop, which ends them.

        Args:
            embeddings: (B, D) vectors of the captions, or of what they describe.
            captions: The B texts.

        Returns:
            ``loss``: mean cross entropy of the captions' tokens; ``accuracy``: share of them that are most probable.

        Raises:
            ValueError: if the embeddings are of another width or number, or not finite.
        """
        self._check(embeddings)
        if len(embeddings) != len(captions):
            raise ValueError(
                f'embeddings: expected one for each of {len(captions)} captions, got {len(embeddings)}.'
            )
        prompts = self.training_prompts(embeddings, captions)
        targets = [
            torch.tensor(self.tokenizer.encode(as_sentence(text))[: self.train_length])
            for text in captions
        ]
        inputs = [
            torch.cat([prompt, self.transformer.token_embedding(ids[:-1].to(prompt.device))])
            for prompt, ids in zip(prompts, targets, strict=True)
        ]
        # Filled up at the end, where a causal model sees nothing of it.
        hidden = self.transformer(pad_sequence(inputs, batch_first=True))
        predicting = [
            row[len(prompt) - 1 : len(prompt) - 1 + len(ids)]
            for row, prompt, ids in zip(hidden, prompts, targets, strict=True)
        ]
        logits = self.transformer.logits(torch.cat(predicting)).float()
        wanted = torch.cat(targets).to(logits.device)
        return {
            'loss': F.cross_entropy(logits, wanted),
            'accuracy': (logits.detach().argmax(dim=-1) == wanted).float().mean(),
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
            official_scores: Also give what the released code ranks captions by, see :meth:`released_scores`.

        Raises:
            ValueError: if the embeddings are of another width or not finite, an argument is out of range, or beams are
                asked for where tokens are drawn.
        """
        self._check(embeddings)
        beams = self.num_beams if num_beams is None else _positive('num_beams', num_beams)
        length = self.max_length if max_length is None else _positive('max_length', max_length)
        if not len(embeddings):
            return _no_captions(embeddings.device, official_scores)
        training = self.training
        self.eval()
        try:
            with torch.inference_mode(), torch.autocast(embeddings.device.type, enabled=False):
                prompts, starts = pad_prompts(self.prompts(embeddings.float()))
                self._check_room(prompts.shape[1], length)
                sequences = decode(
                    self.transformer,
                    prompts,
                    stop_ids=self.tokenizer.stop_ids,
                    max_length=length,
                    vocab_size=self.tokenizer.vocab_size,
                    num_beams=beams,
                    nucleus=self.nucleus,
                    starts=starts,
                )
                rows = [ids[:n] for ids, n in zip(sequences.ids, sequences.lengths, strict=True)]
                official = None
                if official_scores:
                    official = self.released_scores(self._perplexities(rows))
        finally:
            self.train(training)
        # Clones made out here are ordinary tensors, which a caller may change and differentiate.
        return Captions(
            texts=[self.to_text(ids.tolist()) for ids in rows],
            scores=sequences.scores.clone(),
            token_ids=sequences.ids.clone(),
            token_log_probs=sequences.log_probs.clone(),
            official_scores=None if official is None else official.clone(),
        )

    def _perplexities(self, sequences: Sequence[Tensor]) -> Tensor:
        """(R,) exp of the mean loss of each token but the first, given those before it; 1 for a single token."""
        ids = pad_sequence(list(sequences), batch_first=True)
        lengths = torch.tensor([len(sequence) for sequence in sequences], device=ids.device)
        if ids.shape[1] == 1:
            return torch.ones(len(ids), device=ids.device)
        hidden = self.transformer(self.transformer.token_embedding(ids[:, :-1]))
        asked = torch.arange(1, ids.shape[1], device=ids.device) < lengths[:, None]
        losses = hidden.new_zeros(asked.shape)
        losses[asked] = F.cross_entropy(
            self.transformer.logits(hidden[asked]), ids[:, 1:][asked], reduction='none'
        )
        return (losses.sum(dim=1) / (lengths - 1).clamp(min=1)).exp()

    def _check(self, embeddings: Tensor) -> None:
        if embeddings.ndim != 2 or embeddings.shape[1] != self.prefix_dims:
            raise ValueError(
                f'embeddings: expected (R, {self.prefix_dims}), got {tuple(embeddings.shape)}. '
                'The decoder belongs to another space (prefix_dims).'
            )
        if not embeddings.isfinite().all():
            raise ValueError('embeddings: expected finite vectors, got NaN or infinity.')

    def _check_room(self, prompt_length: int, length: int) -> None:
        room = self.transformer.max_positions - prompt_length
        if length > room:
            raise ValueError(
                f'decoder.max_length: expected up to {room} (max_positions less the longest prompt), got {length}.'
            )


def as_sentence(caption: str) -> str:
    """A caption with a capital and a full stop.

    Example:
        >>> as_sentence('a dog runs '), as_sentence('A dog.')
        ('A dog runs.', 'A dog.')
    """
    text = caption.strip(' .')
    return f'{text[:1].upper()}{text[1:]}.'


def _no_captions(device: torch.device, official_scores: bool) -> Captions:
    scores = torch.zeros(0, device=device)
    ids = torch.zeros(0, 0, dtype=torch.int64, device=device)
    return Captions([], scores, ids, ids.float(), scores.clone() if official_scores else None)


def _positive(name: str, value: int) -> int:
    if value < 1:
        raise ValueError(f'decoder.{name}: expected at least 1, got {value}.')
    return value
