"""What the METEOR scorers have in common: they count statistics, and everything else follows from those."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mmpatchioner.evaluation.functional.meteor_formula import corpus_meteor, segment_meteor

Pair = tuple[str, Sequence[str]]
"""A hypothesis and its references."""


class MeteorScorer(ABC):
    """Scores pairs of a hypothesis and its references; with several, the best single reference counts."""

    @abstractmethod
    def statistics(self, pairs: Sequence[Pair]) -> NDArray[np.float64]:
        """(P, 23) numbers of METEOR's aligner for the pairs, in their order; see :mod:`.meteor_formula`."""

    def submit(self, pairs: Sequence[Pair]) -> None:  # noqa: B027  (not every scorer has something to begin)
        """Begin with pairs whose scores will be asked for later; returns at once."""

    def score(self, pairs: Sequence[Pair]) -> list[float]:
        """Scores of the pairs, between 0 and 1, in their order."""
        return segment_meteor(self.statistics(pairs)).tolist()

    __call__ = score

    def corpus_score(self, pairs: Sequence[Pair]) -> float:
        """Score of all pairs together, which is not the mean of their scores."""
        return corpus_meteor(self.statistics(pairs))


def pair_key(pair: Pair) -> tuple[str, ...]:
    r"""The references of a pair, then its hypothesis, as they are sent to METEOR: pairs of equal keys score alike.

    As in all wrappers of METEOR, ``|||`` is deleted from the hypothesis and double spaces are made single, once. Ends
    of lines, which would break the protocol, become spaces.

    Raises:
        TypeError: if the pair is not a text and a sequence of texts.

    Example:
        >>> pair_key(('a  dog', ['the dog', 'one\ndog']))
        ('the dog', 'one dog', 'a dog')
    """
    hypothesis, references = pair
    texts = [hypothesis, *references]
    if isinstance(references, str) or not all(isinstance(text, str) for text in texts):
        raise TypeError(
            f'pairs: expected (hypothesis, [reference, ...]), all of them texts, got {pair!r}.'
        )
    sent, *others = [text.replace('\n', ' ').replace('\r', ' ') for text in texts]
    others = others or ['']  # no reference is sent as an empty one
    return (*others, sent.replace('|||', '').replace('  ', ' '))
