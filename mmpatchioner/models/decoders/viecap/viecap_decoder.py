"""The ViECap decoder: a language model that reads a soft prompt and names of what is there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from mmpatchioner.checkpoints import PretrainedModule
from mmpatchioner.checkpoints.gpt2 import load_gpt2
from mmpatchioner.models.decoders.captions import Captions
from mmpatchioner.models.decoders.generation import TokenSequences, decode
from mmpatchioner.models.decoders.transformer import Transformer
from mmpatchioner.models.decoders.viecap.soft_prompt import SoftPrompt
from mmpatchioner.registry import MODELS


@MODELS.register_module()
class ViECapDecoder(PretrainedModule):
    """Decoder with a soft prompt from the vector and a hard prompt of words (ViECap, arXiv 2307.16525).

    GPT-2 goes on from ``[soft prompt, hard prompt]`` up to a full stop. Regions whose prompts are of one length are
    decoded together, so that nothing is padded and no caption depends on the others of its batch; the released code
    pads prompts with exclamation marks, which its captions then go on from. The default sizes are those of GPT-2 small.

    Args:
        prefix_dims: Width D of the vectors.
        hard_prompt: Config of what writes the words: :class:`EntityPrompt` (ViECap), :class:`MeaCapPrompt` (MeaCap);
            None gives the soft prompt alone.
        tokenizer: Config of a :class:`GPT2Tokenizer`.
        hidden_dims: Width of the language model.
        num_layers: Its blocks.
        num_heads: Its attention heads.
        vocab_size: Its tokens.
        max_positions: Longest sequence, prompts included.
        dropout: In training.
        soft_prompt: Other sizes of :class:`SoftPrompt`.
        max_length: Most tokens of a caption.
        num_beams: Hypotheses in search; 1 is greedy, as published.
        caption_entities: Config of :class:`CaptionEntities`, which writes the hard prompts in training.
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
        hard_prompt: dict[str, Any] | None,
        tokenizer: dict[str, Any],
        hidden_dims: int = 768,
        num_layers: int = 12,
        num_heads: int = 12,
        vocab_size: int = 50257,
        max_positions: int = 1024,
        dropout: float = 0.1,
        soft_prompt: dict[str, int] | None = None,
        max_length: int = 64,
        num_beams: int = 1,
        caption_entities: dict[str, Any] | None = None,
        train_length: int = 64,
        language_model: str | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if max_length < 1:
            raise ValueError(f'decoder.max_length: expected at least 1, got {max_length}.')
        self.tokenizer = MODELS.build(tokenizer)
        if vocab_size < self.tokenizer.vocab_size:
            raise ValueError(
                f'decoder.vocab_size: expected at least {self.tokenizer.vocab_size}, the tokens of the tokenizer, '
                f'got {vocab_size}.'
            )
        self.soft_prompt = SoftPrompt(prefix_dims, hidden_dims, **(soft_prompt or {}))
        self.transformer = Transformer(
            vocab_size, hidden_dims, num_layers, num_heads, max_positions, dropout
        )
        self.hard_prompt = MODELS.build(hard_prompt) if hard_prompt is not None else None
        self.caption_entities = MODELS.build(caption_entities) if caption_entities else None
        self.prefix_dims = prefix_dims
        self.max_length = max_length
        self.train_length = train_length
        self.language_model = language_model
        self.num_beams = num_beams

    def init_weights(self) -> None:
        """Load the weights of ``init_cfg``, or the language model that training begins with.

        Raises:
            CheckpointError: if a file cannot be read or does not fit.
        """
        super().init_weights()
        if self.language_model is not None and self.init_cfg is None:
            load_gpt2(self.transformer, self.language_model, 'decoder.language_model')

    def loss(self, embeddings: Tensor, captions: Sequence[str]) -> dict[str, Tensor]:
        """Reconstruct captions from their embeddings, beside the names that they mention (section 3.3 of ViECap).

        Captions are taught as sentences: with a capital and a full stop, which ends them.

        Args:
            embeddings: (B, D) unit text embeddings with noise.
            captions: The B texts.

        Returns:
            ``loss``: mean cross entropy of the captions' tokens; ``accuracy``: share of them that are most probable.

        Raises:
            ValueError: if the embeddings are of another width or number, or there is a hard prompt and nothing to write
                it in training.
        """
        self._check(embeddings)
        if len(embeddings) != len(captions):
            raise ValueError(
                f'embeddings: expected one for each of {len(captions)} captions, got {len(embeddings)}.'
            )
        prompts = list(self.soft_prompt(embeddings))
        if self.hard_prompt is not None:
            if self.caption_entities is None:
                raise ValueError(
                    'decoder.caption_entities: expected a config, which writes the hard prompts in training, got None.'
                )
            prompts = self._with_words(prompts, self.caption_entities(captions))
        targets = [
            torch.tensor(self.tokenizer.encode(as_sentence(text))[: self.train_length])
            for text in captions
        ]
        # Filled up at the end, where a causal model sees nothing of it.
        hidden = self.transformer(
            pad_sequence(
                [
                    torch.cat(
                        [prompt, self.transformer.token_embedding(ids[:-1].to(prompt.device))]
                    )
                    for prompt, ids in zip(prompts, targets, strict=True)
                ],
                batch_first=True,
            )
        )
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
        """Caption R vectors.

        Args:
            embeddings: (R, D), of any length but zero; none is legal.
            num_beams: Other than the decoder's.
            max_length: Other than the decoder's.
            official_scores: Also give what the released code ranks captions by: their perplexity under the language
                model without a prompt. It is higher for worse captions, and was not inverted.

        Raises:
            ValueError: if the embeddings are of another width or not finite, or an argument is out of range.
        """
        self._check(embeddings)
        training = self.training
        self.eval()
        try:
            with torch.inference_mode(), torch.autocast(embeddings.device.type, enabled=False):
                unit = F.normalize(embeddings.float(), dim=1)
                sequences = self._decode(
                    unit, num_beams or self.num_beams, max_length or self.max_length
                )
                rows = [ids[:n] for ids, n in zip(sequences.ids, sequences.lengths, strict=True)]
                perplexities = self._perplexities(rows) if official_scores else None
        finally:
            self.train(training)
        return Captions(
            texts=[self.tokenizer.decode(ids.tolist()) for ids in rows],
            scores=sequences.scores.clone(),
            token_ids=sequences.ids.clone(),
            token_log_probs=sequences.log_probs.clone(),
            official_scores=None if perplexities is None else perplexities.clone(),
        )

    def prompts(self, embeddings: Tensor) -> list[Tensor]:
        """What the language model goes on from, for unit vectors (R, D): R tensors (length, hidden_dims)."""
        soft = list(self.soft_prompt(embeddings))
        if self.hard_prompt is None:
            return soft
        return self._with_words(soft, self.hard_prompt(embeddings))

    def _with_words(self, soft: list[Tensor], texts: Sequence[str]) -> list[Tensor]:
        words = [torch.tensor(self.tokenizer.encode(text)) for text in texts]
        return [
            torch.cat([row, self.transformer.token_embedding(ids.to(row.device))])
            for row, ids in zip(soft, words, strict=True)
        ]

    def _decode(self, embeddings: Tensor, num_beams: int, max_length: int) -> TokenSequences:
        """Decode prompt by length of prompt, and put the sequences in the order of the vectors."""
        prompts = self.prompts(embeddings)
        filler = self.tokenizer.stop_ids[0]
        ids: list[Tensor] = [torch.empty(0)] * len(prompts)
        log_probs, lengths = list(ids), [0] * len(prompts)
        for rows in _same_length(prompts):
            found = decode(
                self.transformer,
                torch.stack([prompts[row] for row in rows]),
                stop_ids=self.tokenizer.stop_ids,
                max_length=max_length,
                vocab_size=self.tokenizer.vocab_size,
                num_beams=num_beams,
            )
            for place, row in enumerate(rows):
                ids[row], log_probs[row] = found.ids[place], found.log_probs[place]
                lengths[row] = int(found.lengths[place])
        if not prompts:
            empty = embeddings.new_zeros(0, 0)
            return TokenSequences(empty.long(), empty, empty.new_zeros(0, dtype=torch.int64))
        return TokenSequences(
            pad_sequence(ids, batch_first=True, padding_value=filler),
            pad_sequence(log_probs, batch_first=True),
            torch.tensor(lengths, device=embeddings.device),
        )

    def _perplexities(self, sequences: Sequence[Tensor]) -> Tensor:
        """(R,) exp of the mean loss of each token but the first, given those before it; 1 for a single token."""
        result = self.transformer.position_embedding.weight.new_ones(len(sequences))
        for rows in _same_length(sequences):
            ids = torch.stack([sequences[row] for row in rows])
            if ids.shape[1] > 1:
                hidden = self.transformer(self.transformer.token_embedding(ids[:, :-1]))
                losses = F.cross_entropy(
                    self.transformer.logits(hidden).transpose(1, 2), ids[:, 1:], reduction='none'
                )
                result[rows] = losses.mean(dim=1).exp()
        return result

    def _check(self, embeddings: Tensor) -> None:
        if embeddings.ndim != 2 or embeddings.shape[1] != self.prefix_dims:
            raise ValueError(
                f'embeddings: expected (R, {self.prefix_dims}), got {tuple(embeddings.shape)}. '
                'The decoder belongs to another space (prefix_dims).'
            )
        if not embeddings.isfinite().all():
            raise ValueError('embeddings: expected finite vectors, got NaN or infinity.')


def as_sentence(caption: str) -> str:
    """A caption with a capital and a full stop.

    Example:
        >>> as_sentence('a dog runs '), as_sentence('A dog.')
        ('A dog runs.', 'A dog.')
    """
    text = caption.strip(' .')
    return f'{text[:1].upper()}{text[1:]}.'


def _same_length(sequences: Sequence[Tensor]) -> Iterator[list[int]]:
    """Indices of the sequences of each length."""
    by_length = defaultdict(list)
    for index, sequence in enumerate(sequences):
        by_length[len(sequence)].append(index)
    yield from by_length.values()
