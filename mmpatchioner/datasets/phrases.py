"""Noun phrases of captions by rule: no tagger, no download.

A region is described by a phrase ("a black and white dog"), an image by a sentence. Cutting captions at their
prepositions, verbs and conjunctions gives phrases enough for a memory and for training; what the closed lists do not
know is settled by counting how often a word ends a phrase, which nouns do and adjectives do not.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from mmpatchioner.datasets.phrase_words import (
    ABSTRACT_NOUNS,
    COLOURS,
    DETERMINERS,
    ING_NOUNS,
    OF_HEADS,
    STOP_WORDS,
    VERBS,
)

_WORD = re.compile(r"[a-z]+(?:-[a-z]+)*|'s\b|\d+")
_MAX_WORDS = 7
_MIN_OCCURRENCES = 3  # of a word, before its share of phrase ends is believed
_PARTICIPLE_AFTER = 0.5  # share from which a word counts as the noun that a participle may follow
_PHRASE_END = 0.35  # share from which a word may end a phrase


def normalise_caption(caption: str) -> str:
    """Lower-case words without punctuation, the genitive apart.

    Example:
        >>> normalise_caption("A man's dog, wet.")
        "a man 's dog wet"
    """
    return ' '.join(_WORD.findall(caption.lower().replace('\u2019', "'")))


def noun_phrases(caption: str) -> list[str]:
    """Noun phrases of one caption, by the closed lists alone; see :class:`NounPhrases` for the statistics.

    Example:
        >>> noun_phrases('A group of people sit in front of a black and white dog.')
        ['a group of people', 'a black and white dog']
    """
    return NounPhrases()(caption)


class NounPhrases:
    """Cuts captions into noun phrases.

    Args:
        noun_shares: Of every word, the share of its uses that end a phrase (:meth:`fit`); a word that is not among
            them is none. None trusts every word to be a noun.

    Example:
        >>> cut = NounPhrases.fit(['a tall man runs', 'a man walks on a street', 'a tall man sits'] * 3)
        >>> cut('a man is tall and running on the street')
        ['a man', 'the street']
    """

    def __init__(self, noun_shares: Mapping[str, float] | None = None) -> None:
        self.noun_shares = noun_shares

    @classmethod
    def fit(cls, captions: Iterable[str]) -> NounPhrases:
        """Learn the shares from captions."""
        uses: Counter[str] = Counter()
        ends: Counter[str] = Counter()
        for caption in captions:
            for words in _cut(normalise_caption(caption).split()):
                phrase = _until_participle(words)
                uses.update(phrase)
                ends.update(phrase[-1:])
        return cls(
            {word: ends[word] / uses[word] for word in uses if uses[word] >= _MIN_OCCURRENCES}
        )

    def __call__(self, caption: str) -> list[str]:
        """The noun phrases of a caption, in its order, as normalised words."""
        phrases = (self._trim(words) for words in _cut(normalise_caption(caption).split()))
        return [
            ' '.join(words)
            for words in phrases
            if words and len(words) <= _MAX_WORDS and words[-1] not in ABSTRACT_NOUNS
        ]

    def _share(self, word: str) -> float:
        # Under statistics, a word too rare to have one is no noun; without any, every word may be.
        return 1.0 if self.noun_shares is None else self.noun_shares.get(word, 0.0)

    def _trim(self, words: list[str]) -> list[str]:
        """Drop what follows a participle after a noun, then dangling words at both ends."""
        phrase: list[str] = []
        for word in words:
            participle = _is_verbal_ing(word) or (word.endswith('ed') and len(word) > 4)
            follows_noun = (
                phrase
                and phrase[-1] not in DETERMINERS
                and self._share(phrase[-1]) >= _PARTICIPLE_AFTER
            )
            if participle and follows_noun:
                break
            phrase.append(word)
        while phrase and self._cannot_end(phrase[-1]):
            phrase.pop()
        while phrase and (phrase[0] == "'s" or (_is_verbal_ing(phrase[0]) and len(phrase) > 1)):
            phrase.pop(0)
        return phrase

    def _cannot_end(self, word: str) -> bool:
        return (
            word in DETERMINERS
            or word in ('of', 'and', "'s")
            or self._share(word) < _PHRASE_END
            or _is_verbal_ing(word)
            or word.endswith('ly')
        )


def _is_verbal_ing(word: str) -> bool:
    return word.endswith('ing') and word not in ING_NOUNS


def _until_participle(words: list[str]) -> list[str]:
    """Cut at the first inner -ing word, so that verbs do not hide the noun before them."""
    for index, word in enumerate(words):
        if index and _is_verbal_ing(word) and words[index - 1] not in DETERMINERS:
            return words[:index]
    return words


def _cut(words: list[str]) -> list[list[str]]:
    """Cut a caption at the words that end a phrase."""
    phrases: list[list[str]] = [[]]
    for index, word in enumerate(words):
        phrase = phrases[-1]
        last = phrase[-1] if phrase else None
        following = words[index + 1] if index + 1 < len(words) else None
        if _joins(word, last, following):
            phrase.append(word)
        elif word == 'of' or word in STOP_WORDS or (word in VERBS and last not in DETERMINERS):
            phrases.append([])
        elif word in DETERMINERS and last is not None and last != 'of' and last not in DETERMINERS:
            phrases.append([word])
        else:
            phrase.append(word)
    return [phrase for phrase in phrases if phrase]


def _joins(word: str, last: str | None, following: str | None) -> bool:
    """Whether a word that would end a phrase holds it together here."""
    if last is None:
        return False
    if word == 'of':
        return last in OF_HEADS
    if word == 'and':
        return last in COLOURS and following in COLOURS
    return word == "'s"
