"""Phrases of Visual Genome as dense captioning has always read them."""

from __future__ import annotations

import string

# Characters of Visual Genome's phrases that are no plain English; everything else is left to the punctuation rule.
_REPLACEMENTS = str.maketrans(
    {
        '\N{VULGAR FRACTION ONE HALF}': 'half',
        '\N{EM DASH}': '-',
        '\N{TRADE MARK SIGN}': '',
        '\N{CENT SIGN}': 'cent',
        '\N{LATIN SMALL LETTER C WITH CEDILLA}': 'c',
        '\N{LATIN SMALL LETTER U WITH CIRCUMFLEX}': 'u',
        '\N{LATIN SMALL LETTER E WITH ACUTE}': 'e',
        '\N{LATIN SMALL LETTER E WITH GRAVE}': 'e',
        '\N{DEGREE SIGN}': ' degree',
        '\N{HORIZONTAL ELLIPSIS}': '',
    }
)
_PUNCTUATION = str.maketrans('', '', string.punctuation)


def clean_phrase(phrase: str) -> str:
    """Lower-case words without punctuation, single spaces between them.

    The rule of Johnson et al. (DenseCap, CVPR 2016), which ControlCap's conversion of Visual Genome follows: ten odd
    characters are replaced, the text is lower-cased, and every ASCII punctuation mark is deleted, so that what it
    joined becomes one word. Other characters stay.

    Args:
        phrase: As Visual Genome has it.

    Example:
        >>> clean_phrase(" The two-story building isn't  open. ")
        'the twostory building isnt open'
    """
    return ' '.join(phrase.translate(_REPLACEMENTS).lower().translate(_PUNCTUATION).split())
