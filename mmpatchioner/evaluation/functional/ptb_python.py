"""The rules of Stanford's PTB tokenizer that captions meet, in Python."""

from __future__ import annotations

import re

_TOKEN = re.compile(r'\w+(?:-\w+)*|\S')


def ptb_split(text: str) -> list[str]:
    """Lower-case tokens of a text, punctuation included."""
    return _TOKEN.findall(text.lower())
