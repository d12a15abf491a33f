"""Cutting a narrative into sentences."""

from __future__ import annotations

import re

# A full stop without a space before the next sentence is a frequent slip: "on the grass.In the background".
_END = re.compile(r'[.!?]+["\')\]]*(?=\s|$)|(?<=[a-z]{2})\.(?=[A-Z][a-z]*\s)')
_LAST_TOKEN = re.compile(r'\S+$')
_NEVER_ENDS = re.compile(
    r'(?:mrs?|ms|dr|prof|st|mt|vs|e\.?g|i\.?e|approx|fig|incl)\.', re.IGNORECASE
)
_MAY_END = re.compile(r'(?:etc|[a-z]|(?:[a-z]\.)+[a-z])\.', re.IGNORECASE)


def split_sentences(text: str) -> list[str]:
    """Cut a text after ``.``, ``!`` or ``?`` that is followed by a space or ends the text.

    Titles and ``e.g.`` end no sentence; ``etc.``, initials and letters such as ``a.m.`` or ``T.V.`` end one only where
    a capital follows. Pieces without a letter or digit are left out.

    Args:
        text: The text, of any case: narratives often go on in lower case after a full stop.

    Returns:
        The sentences in order, stripped, with their punctuation. No word is lost.

    Example:
        >>> split_sentences('There is a T.V. on the wall. beside it Mr. Bean is sitting... In the front, a dog')
        ['There is a T.V. on the wall.', 'beside it Mr. Bean is sitting...', 'In the front, a dog']
    """
    sentences, start = [], 0
    for mark in _END.finditer(text):
        if _ends_sentence(text[start : mark.end()], text[mark.end() :].lstrip()):
            sentences.append(text[start : mark.end()].strip())
            start = mark.end()
    sentences.append(text[start:].strip())
    return [sentence for sentence in sentences if re.search(r'\w', sentence)]


def _ends_sentence(before: str, after: str) -> bool:
    match = _LAST_TOKEN.search(before)
    token = match[0].lstrip('("\'[') if match else ''
    if _NEVER_ENDS.fullmatch(token):
        return False
    if _MAY_END.fullmatch(token) is None:
        return True
    single = len(token) == 2
    following_single = re.match(r'[A-Za-z]\.(?:\s|$)', after) is not None
    return not after or (after[0].isupper() and not (single and following_single))
