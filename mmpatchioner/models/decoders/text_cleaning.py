"""Forms of decoded captions."""

from __future__ import annotations

import re
from collections.abc import Callable

_CONTRACTION = re.compile(r" (?='(?:s|t|re|ve|m|ll|d)\b)")
_BEFORE = re.compile(r' (?=[,.;:!?%)\]])')
_AFTER = re.compile(r'(?<=[(\[$#]) ')
_DIGITS = re.compile(r'(?<=\d) (?=\d)')
_JOINED = re.compile(r'(?<=\w) ([-/&]) (?=\w)')
_QUOTED = re.compile(r'" ([^"]*) "')


def strip(text: str) -> str:
    """Drop spaces and full stops at both ends, as the published evaluation does.

    Example:
        >>> strip("a man 's dog , riding a wave . ")
        "a man 's dog , riding a wave"
    """
    return text.strip(' .')


def natural(text: str) -> str:
    r"""Join what the tokenizer took apart: contractions, punctuation, digits, hyphens, quotations.

    Example:
        >>> natural("a man 's t - shirt , size 1 0 , says \" surf \" . ")
        'a man\'s t-shirt, size 10, says "surf"'
    """
    text = ' '.join(text.split())
    for pattern in (_CONTRACTION, _BEFORE, _AFTER, _DIGITS):
        text = pattern.sub('', text)
    text = _JOINED.sub(r'\1', text)
    return _QUOTED.sub(r'"\1"', text).strip(' .')


CLEANERS: dict[str, Callable[[str], str]] = {'strip': strip, 'natural': natural, 'none': str}
