"""Rewriting by a language model: the prompt, the answers, and what is kept of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Protocol

from mmpatchioner.datasets.localized_narratives.rewrite_cache import RewriteCache
from mmpatchioner.datasets.localized_narratives.rewriting import RewriteError, Rewriter

_PLACEHOLDER = '{sentence}'
_THOUGHTS = re.compile(r'<think>.*?(?:</think>|\Z)', re.DOTALL)
_LABEL = re.compile(r'^\W*caption:\s*', re.IGNORECASE)
_NONE = re.compile(r'\W*none\W*', re.IGNORECASE)


class LanguageModel(Protocol):
    """A model that continues prompts, always in the same way (temperature 0)."""

    @property
    def name(self) -> str:
        """What tells the model from others in the cache."""

    def answers(self, prompts: Sequence[str]) -> list[str]:
        """One answer for each prompt, in order.

        Raises:
            RewriteError: if the model can not be asked.
        """


def read_prompt(path: str | Path | None = None) -> str:
    """Read a prompt, which holds ``{sentence}`` once; None is the packaged one (``prompt.txt`` beside this file).

    Raises:
        OSError: if the file can not be read.
        RewriteError: if it is no text, or the sentence has no place in it, or several.
    """
    source = Path(path) if path is not None else files(__package__) / 'prompt.txt'
    try:
        prompt = source.read_text(encoding='utf-8')
    except UnicodeDecodeError as error:
        raise RewriteError(f'{source}: expected a text file, got {error}.') from error
    if prompt.count(_PLACEHOLDER) != 1:
        raise RewriteError(
            f'{source}: expected {_PLACEHOLDER} once, where the sentence is to stand, '
            f'found it {prompt.count(_PLACEHOLDER)} times.'
        )
    return prompt


class LanguageModelRewriter(Rewriter):
    """Asks a language model for the caption of every sentence that the cache does not know.

    The answer is its first line; ``NONE``, or nothing, leaves the sentence out.

    Args:
        model: What answers.
        prompt: Text with ``{sentence}`` in it, see :func:`read_prompt`.
        cache: What was answered before.
        batch_size: Sentences that are asked for at once; the cache is written after each such batch.
    """

    def __init__(
        self, model: LanguageModel, prompt: str, cache: RewriteCache, batch_size: int = 16
    ) -> None:
        self.model = model
        self.prompt = prompt
        self.cache = cache
        self.batch_size = batch_size

    def rewrite(self, sentence: str) -> str | None:
        """See :meth:`Rewriter.rewrite`."""
        return self.rewrite_all([sentence])[0]

    def rewrite_all(self, sentences: Sequence[str]) -> list[str | None]:
        """See :meth:`Rewriter.rewrite_all`; equal sentences are asked for once."""
        keys = {text: self.cache.key(self.prompt, self.model.name, text) for text in sentences}
        unknown = [text for text, key in keys.items() if key not in self.cache]
        for start in range(0, len(unknown), self.batch_size):
            batch = unknown[start : start + self.batch_size]
            answers = self.model.answers(
                [self.prompt.replace(_PLACEHOLDER, text) for text in batch]
            )
            for text, answer in zip(batch, answers, strict=True):
                self.cache.add(keys[text], text, caption_of(answer))
        return [self.cache[keys[text]] for text in sentences]


def caption_of(answer: str) -> str | None:
    """The caption in an answer: its first line without label and quotation marks; None if there is none.

    Example:
        >>> caption_of('<think>Hm.</think> Caption: "Two dogs."')
        'Two dogs.'
        >>> caption_of('NONE.') is None
        True
    """
    lines = _THOUGHTS.sub('', answer).strip().splitlines()
    caption = _LABEL.sub('', lines[0]).strip().strip('"') if lines else ''
    return None if not caption or _NONE.fullmatch(caption) else caption
