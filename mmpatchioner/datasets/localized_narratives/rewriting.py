"""What turns a spoken sentence into a caption."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence


class RewriteError(RuntimeError):
    """Sentences can not be rewritten; the message tells why and what to do."""


class Rewriter(ABC):
    """Rewrites sentences; a subclass says how one is rewritten, or many at once where that is faster."""

    @abstractmethod
    def rewrite(self, sentence: str) -> str | None:
        """The caption of a sentence, or None if the sentence is to be left out.

        Raises:
            RewriteError: if that can not be told.
        """

    def rewrite_all(self, sentences: Sequence[str]) -> list[str | None]:
        """One result for each sentence, in order; see :meth:`rewrite`."""
        return [self.rewrite(sentence) for sentence in sentences]


class KeepSentences(Rewriter):
    """Leaves every sentence as it was spoken.

    Example:
        >>> KeepSentences().rewrite('There is a dog.')
        'There is a dog.'
    """

    def rewrite(self, sentence: str) -> str | None:
        """The sentence itself."""
        return sentence
