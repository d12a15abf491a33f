"""GPT-2's tokens, for decoders that go on from a text."""

from __future__ import annotations

import os
from collections.abc import Iterable

from mmpatchioner.models.decoders.text_cleaning import CLEANERS
from mmpatchioner.models.decoders.tokenizers import load_tokenizer
from mmpatchioner.registry import MODELS


@MODELS.register_module()
class GPT2Tokenizer:
    """Byte-pair tokens without markers: a caption ends with a full stop.

    Args:
        file: A ``tokenizer.json``; or
        pretrained: folder or hub id of GPT-2, e.g. ``'openai-community/gpt2'``.
        clean: Form of decoded captions, see :class:`CaptionTokenizer`.

    Raises:
        ValueError: if not exactly one source is given, or ``clean`` is unknown.
        CheckpointError: if it cannot be read, or has no full stop.
    """

    def __init__(
        self,
        file: str | os.PathLike[str] | None = None,
        pretrained: str | None = None,
        clean: str = 'strip',
    ) -> None:
        if clean not in CLEANERS:
            raise ValueError(f'tokenizer.clean: expected one of {sorted(CLEANERS)}, got {clean!r}.')
        self._backend = load_tokenizer(file, pretrained)
        self._clean = CLEANERS[clean]
        self.vocab_size: int = self._backend.get_vocab_size()
        single = [ids for ids in map(self.encode, ('.', ' .')) if len(ids) == 1]
        self.stop_ids: list[int] = [ids[0] for ids in single]
        """The full stop, alone and after a space: 13 and 764 in GPT-2."""
        if not self.stop_ids:
            raise ValueError('tokenizer: expected a token for the full stop, which ends a caption.')

    def encode(self, text: str) -> list[int]:
        """Tokens of a text, without markers."""
        return self._backend.encode(text, add_special_tokens=False).ids

    def decode(self, ids: Iterable[int]) -> str:
        """The text of tokens, in the form asked for."""
        return self._clean(self._backend.decode(list(ids)))
