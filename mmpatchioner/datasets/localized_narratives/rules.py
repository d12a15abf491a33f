"""Spoken sentences to captions by rule: what leads in, what guesses and what points at the image goes."""

from __future__ import annotations

import re
from collections.abc import Callable

from mmpatchioner.datasets.localized_narratives.rewriting import Rewriter
from mmpatchioner.datasets.localized_narratives.wording import (
    COPULA,
    EXIST,
    GUESS,
    IMAGE,
    LOCATION_IN_IMAGE,
    SEE,
    THE_IMAGE,
    plain,
    without_lead,
)


def _compile(*expressions: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(expression, re.IGNORECASE) for expression in expressions)


_STARTS = _compile(
    # "this is a picture of a dog", "it looks like a dog"
    rf'(?:this|it|that) {COPULA} (?:an? |the )?(?:[\w-]+ ){{0,3}}?{IMAGE} (?:of|where|in which|which shows) ',
    rf'(?:this|it|that) {COPULA} (?=(?:an?|the|some|one|two) )',
    # "the image is dark and we can see a dog", "this picture is taken in a park where people walk"
    rf'{THE_IMAGE} {COPULA} [^,]{{1,40}}? (?:and|where|in which) (?={SEE}|{EXIST})',
    rf'{THE_IMAGE} {COPULA} (?:taken|clicked|captured) ',
)
_GUESSES = _compile(rf',? {GUESS}(?: (?:it is|there is))?(?= )')
_ENDS = _compile(
    rf',? {LOCATION_IN_IMAGE}$',
    r' (?:(?:which|that) )?(?:is|are|can be|could be)(?: also| clearly)* (?:seen|visible|observed|present|there)$',
    r' present$',
)
# "in front of the house there is a car": place and thing
(_PLACE_FIRST,) = _compile(
    r'((?:in front of|beside|behind|near|next to|on|in|at|under|below|above|over|between|around|inside|along'
    rf'|to the \w+ of) [^,]{{1,60}}?),? (?:{EXIST}|{SEE}) (.+)'
)
(_POINTS_BACK,) = _compile(r'.* (?:it|them|him|her|that|this|these|those)')
_NAMES_A_THING = re.compile(
    r'\b(?!(?:it|them|him|her|that|this|these|those|he|she|they|something|someone|things?|an?|the|some|and|is|are)\b)\w',
    re.IGNORECASE,
)


class RuleRewriter(Rewriter):
    """Caption style by regular expressions: no model, the same result everywhere.

    Example:
        >>> rewriter = RuleRewriter()
        >>> rewriter.rewrite('In the background of the image, I think there is a red house.')
        'A red house.'
        >>> rewriter.rewrite('On the table we can see two cups.')
        'Two cups on the table.'
        >>> rewriter.rewrite('We can see it in the picture.') is None
        True
    """

    def rewrite(self, sentence: str) -> str | None:
        """See :meth:`Rewriter.rewrite`; None if nothing is left that names a thing."""
        text = _until_stable(_cut_start, plain(sentence))
        text = _put_place_last(text)
        for guess in _GUESSES:
            text = guess.sub('', text)
        text = _until_stable(_cut_end, _until_stable(_cut_start, text))
        return f'{text[0].upper()}{text[1:]}.' if _NAMES_A_THING.search(text) else None


def _until_stable(cut: Callable[[str], str], text: str) -> str:
    """Apply what only ever shortens a text until it changes nothing."""
    while (shorter := cut(text)) != text:
        text = shorter
    return text


def _cut_start(text: str) -> str:
    text = without_lead(text)
    for start in _STARTS:
        if match := start.match(text):
            return text[match.end() :]
    return text


def _cut_end(text: str) -> str:
    for end in _ENDS:
        text = end.sub('', text)
    return text.rstrip(' ,')


def _put_place_last(text: str) -> str:
    match = _PLACE_FIRST.fullmatch(text)
    if match is None:
        return text
    place, thing = match.groups()
    return thing if _POINTS_BACK.fullmatch(place) else f'{thing} {place[0].lower()}{place[1:]}'
