"""When each sentence of a narrative was spoken."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from mmpatchioner.datasets.localized_narratives.reading import TracePoint, Utterance

_WORD = re.compile(r'\w+')


class Interval(NamedTuple):
    """A span of time, in seconds, ends included."""

    start: float
    end: float


def words_of(text: str) -> list[str]:
    """Lower-case words without punctuation, as they are compared.

    Example:
        >>> words_of("The man's T-shirt, RED.")
        ['the', 'mans', 't', 'shirt', 'red']
    """
    return _WORD.findall(re.sub("['\u2019]", '', text.lower()))


def sentence_intervals(
    sentences: Sequence[str], utterances: Sequence[Utterance], min_heard: float = 0.5
) -> list[Interval | None]:
    """Assign the utterances to the sentences, and to each sentence the time from its first to its last.

    Words of both sides are matched in order (longest common runs first). Words that differ between two runs, say by a
    typing error, are paired by their position between them; spoken words that the text lacks belong to no sentence.

    Args:
        sentences: The narrative, cut.
        utterances: The recording, in order.
        min_heard: Share of the sentences' words that must be heard as they are written. Below it the recording is not
            of this text, and no sentence gets a time.

    Returns:
        For each sentence the smallest start and the largest end of its utterances, or None if it has none.

    Example:
        >>> spoken = [Utterance('A dog', 0.0, 0.5), Utterance('umm the', 0.6, 1.0), Utterance('skye', 1.1, 1.4)]
        >>> sentence_intervals(['A dog.', 'The sky.'], spoken)
        [Interval(start=0.0, end=0.5), Interval(start=0.6, end=1.4)]
    """
    written, sentence_of = _indexed_words(sentences)
    spoken, utterance_of = _indexed_words(utterance.text for utterance in utterances)
    # Without autojunk, or words as frequent as "the" would be ignored in long narratives.
    matcher = SequenceMatcher(None, written, spoken, autojunk=False)
    heard = sum(block.size for block in matcher.get_matching_blocks())
    if heard < min_heard * len(written):
        return [None] * len(sentences)
    parts: list[list[Utterance]] = [[] for _ in sentences]
    for word, sound in _pairs(matcher):
        parts[sentence_of[word]].append(utterances[utterance_of[sound]])
    return [
        Interval(min(part.start for part in said), max(part.end for part in said)) if said else None
        for said in parts
    ]


def points_within(points: Iterable[TracePoint], interval: Interval) -> list[TracePoint]:
    """The points whose time lies in the interval, ends included, in order."""
    start, end = interval
    return [point for point in points if start <= point.t <= end]


def _indexed_words(texts: Iterable[str]) -> tuple[list[str], list[int]]:
    """All words, and of each the index of its text."""
    pairs = [(word, index) for index, text in enumerate(texts) for word in words_of(text)]
    return [word for word, _ in pairs], [index for _, index in pairs]


def _pairs(matcher: SequenceMatcher[str]) -> Iterator[tuple[int, int]]:
    """Indices of written and spoken words that belong together, in order."""
    for kind, a_start, a_end, b_start, b_end in matcher.get_opcodes():
        if kind in ('equal', 'replace'):
            steps = max(a_end - a_start, b_end - b_start)
            for step in range(steps):
                yield (
                    a_start + step * (a_end - a_start) // steps,
                    b_start + step * (b_end - b_start) // steps,
                )
