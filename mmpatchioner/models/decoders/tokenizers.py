"""Captions to token ids and back."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from torch import Tensor

from mmpatchioner.checkpoints import CheckpointError, from_folder_or_hub, resolve_file
from mmpatchioner.files import replacing
from mmpatchioner.models.decoders.text_cleaning import CLEANERS
from mmpatchioner.registry import MODELS

PAD, START, END = '<|pad|>', '<|startoftext|>', '<|endoftext|>'
_WORD_END = '</w>'
# CLIP's pattern: contractions, words, single digits, runs of other signs.
_WORDS = r"""'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"""


@MODELS.register_module()
class CaptionTokenizer:
    """A byte-pair tokenizer of captions with markers of start and end.

    Args:
        file: A ``tokenizer.json``, e.g. of :func:`train_bpe`; local or ``mmpatchioner://``.
        pretrained: A transformers folder or hub id instead, e.g. ``'openai/clip-vit-base-patch16'``, whose 49,408
            tokens the published decoders use.
        clean: Form of decoded text. ``'strip'`` is what the published evaluation compares: ``a man 's dog , riding``,
            without spaces and full stops at its ends. ``'natural'`` is written English: ``a man's dog, riding``.
            ``'none'`` leaves what the tokens say.
        pad_id: Token that fills up a batch and that the loss ignores. None is the tokenizer's own padding token; where
            it has none, or pads with the end marker, which would hide the end from the loss, it is 0 as in CLIP's
            own code. (There 0 is also ``!``, which published decoders therefore never learn.)

    Raises:
        ValueError: if not exactly one of ``file`` and ``pretrained`` is given, or ``clean`` is unknown.
        CheckpointError: if the tokenizer cannot be read or lacks the markers of start and end.
    """

    def __init__(
        self,
        file: str | os.PathLike[str] | None = None,
        pretrained: str | None = None,
        clean: str = 'strip',
        pad_id: int | None = None,
    ) -> None:
        if clean not in CLEANERS:
            raise ValueError(f'tokenizer.clean: expected one of {sorted(CLEANERS)}, got {clean!r}.')
        source = str(file or pretrained)
        self._backend = load_tokenizer(file, pretrained)
        # CLIP's tokens spell bytes as letters; their end of a word is a mark at the last token's end.
        self._bytes = decoders.ByteLevel()
        self._clean = CLEANERS[clean]
        self.vocab_size: int = self._backend.get_vocab_size()
        self.bos_id = self._marker(START, source)
        self.eos_id = self._marker(END, source)
        own_pad = self._backend.token_to_id(PAD)
        self.pad_id = next(choice for choice in (pad_id, own_pad, 0) if choice is not None)
        self._silent = {self.bos_id, self.eos_id, own_pad}

    def encode(self, text: str, max_length: int | None = None) -> list[int]:
        """Encode one caption with its markers, cut to the first ``max_length`` tokens.

        Returns:
            ``[start, ..., end]``; a caption that is cut off has no end.
        """
        ids = self._backend.encode(text, add_special_tokens=False).ids
        return [self.bos_id, *ids, self.eos_id][:max_length]

    def encode_batch(self, texts: Sequence[str], max_length: int | None = None) -> Tensor:
        """Encode captions to (n, T) int64, filled up with ``pad_id``; T is that of the longest."""
        encodings = self._backend.encode_batch(list(texts), add_special_tokens=False)
        rows = [[self.bos_id, *encoding.ids, self.eos_id][:max_length] for encoding in encodings]
        width = max(map(len, rows), default=0)
        padded = [row + [self.pad_id] * (width - len(row)) for row in rows]
        return torch.tensor(padded, dtype=torch.int64).reshape(len(rows), width)

    def decode(self, ids: Iterable[int]) -> str:
        """Decode one caption up to its end marker, without markers."""
        tokens = []
        for token_id in ids:
            if token_id == self.eos_id:
                break
            token = None if token_id in self._silent else self._backend.id_to_token(token_id)
            if token is not None:
                tokens.append(token)
        return self._clean(self._bytes.decode(tokens).replace(_WORD_END, ' '))

    def _marker(self, token: str, source: str) -> int:
        token_id = self._backend.token_to_id(token)
        if token_id is None:
            raise CheckpointError(
                f'{source}: expected a tokenizer with the tokens {START} and {END}, found no {token}. '
                'Use the tokenizer of a CLIP model, or one that train_bpe made.'
            )
        return token_id


def train_bpe(texts: Iterable[str], vocab_size: int, path: str | os.PathLike[str]) -> None:
    """Train a byte-pair tokenizer on captions and write its ``tokenizer.json``, whole or not at all.

    Built like CLIP's: lower case, words and punctuation apart. Accents are dropped, and so are, in later texts,
    characters that ``texts`` do not hold. Ids 0, 1 and 2 are padding, start and end.

    Args:
        texts: The captions.
        vocab_size: Most tokens; small corpora give fewer.
        path: The file, which is replaced if it exists.
    """
    backend = Tokenizer(models.BPE(end_of_word_suffix=_WORD_END))
    backend.normalizer = normalizers.Sequence(
        [
            normalizers.NFKD(),
            normalizers.StripAccents(),
            normalizers.Replace('\N{RIGHT SINGLE QUOTATION MARK}', "'"),
            normalizers.Replace(Regex(r'\s+'), ' '),
            normalizers.Lowercase(),
        ]
    )
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), behavior='removed', invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[PAD, START, END],
        end_of_word_suffix=_WORD_END,
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    with replacing(path) as scratch:
        backend.save(str(scratch))


def load_tokenizer(file: str | os.PathLike[str] | None, pretrained: str | None) -> Tokenizer:
    """Read a ``tokenizer.json``, or the tokenizer of a model in a folder or on the hub.

    Raises:
        ValueError: if not exactly one of the two is given.
        CheckpointError: if it cannot be read.
    """
    if (file is None) == (pretrained is None):
        raise ValueError(
            f'tokenizer: expected exactly one of `file` and `pretrained`, got file={file!r}, '
            f'pretrained={pretrained!r}.'
        )
    if pretrained is not None:
        return _load_pretrained(pretrained)
    path = resolve_file(str(file))
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises plain Exception
        raise CheckpointError(f'{file}: not a readable tokenizer.json ({error}).') from error


def _load_pretrained(source: str) -> Tokenizer:
    from transformers import AutoTokenizer

    tokenizer = from_folder_or_hub(AutoTokenizer, source, 'tokenizer.pretrained', use_fast=True)
    return tokenizer.backend_tokenizer
