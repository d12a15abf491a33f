"""How annotators talk about an image rather than of what it shows: the parts that regular expressions are made of.

All expressions are for text with single spaces and straight apostrophes, of any case (``re.IGNORECASE``).
"""

from __future__ import annotations

import re

IMAGE = r'(?:images?|pictures?|pics?|photos?|photographs?|snaps?|snapshots?)'
_KIND = r'(?:edited|blurred|blurry|animated|old|collage|black (?:and|&) white)'
THE_IMAGE = rf'(?:(?:this|the|these|given|above|whole|entire|that) )+(?:{_KIND} )*{IMAGE}'

_SIDE = r'(?:left|right|top|bottom|upper|lower|middle|cent(?:er|re)|front|back|other)'
_PART = r'(?:hand side|side|corners?|parts?|portion|edge|end)'
_PLACE = rf'(?:background|foreground|corner|{_SIDE}(?:[ -]{_SIDE})?(?: {_PART})?)'
_PREPOSITION = r'(?:in|on|at|to|from|towards|over|near|of)'

# "at the bottom right corner of the image", "in the background"; not "on the left side of the road".
LOCATION = (
    rf'(?:(?:{_PREPOSITION}|coming to) (?:(?:the|this|extreme|very) )*{_PLACE}'
    rf'(?: (?:of|in|on) {THE_IMAGE})?|(?:in|on|from|of) {THE_IMAGE})'
)
# The same where it must name the image.
LOCATION_IN_IMAGE = (
    rf'(?:{_PREPOSITION} (?:(?:the|this|extreme|very) )*{_PLACE} (?:of|in|on) {THE_IMAGE}'
    rf'|(?:in|on|from|of) {THE_IMAGE})'
)

SEE = (
    r'(?:(?:we|i|you|one)(?: can| could| may)?(?: also| clearly)*'
    r' (?:see|observe|find|notice|view|spot|have)(?: that\b)?)'
)
EXIST = r"(?:there(?:'s| is| are| was| were| can be| may be| might be| seems? to be)(?: also)?)"
GUESS = (
    r'(?:(?:i|we) (?:think|guess|believe|feel|suppose|assume)(?: that\b)?'
    r'|it (?:seems|appears|looks)(?: like| that| as if)(?! an? )|maybe|perhaps|probably|i am not sure but)'
)
_FILLER = r'(?:and|also|then|so|here|now|finally|next|overall|basically|well|okay|as)\b'
_SHOWS = (
    r'(?:shows?|is showing|consists? of|contains?|depicts?|(?:has|have)(?! been)|includes?|represents?|describes?'
    r'|displays?|is about|is of)'
)
# Going on with "of", the place is that of a thing: "in front of the house", "on the left side of the road".
_NO_THING = rf'(?!(?: {_SIDE}| {_PART})* (?:of|to)\b)'
LEAD = rf'(?:{_FILLER}|{GUESS}|{LOCATION}{_NO_THING}|{SEE}|{EXIST}|{THE_IMAGE} {_SHOWS})'

# "is", "seems to be", "might have been", "looks like it was".
COPULA = (
    r'(?:(?:is|are|was|were|has been|have been)'
    r'|(?:might|may|could|must|can) (?:be|have been)'
    r'|(?:seems?|appears?|looks?)(?: to be| to have been| like(?: it(?: is| was)?)?| as if it (?:is|was))?)'
)

_LEAD = re.compile(rf'(?:{LEAD}(?:[ ,:]+|$))+', re.IGNORECASE)


def plain(sentence: str) -> str:
    """Single spaces, straight apostrophes, no punctuation at the ends.

    Example:
        >>> plain(' In this image,  there\u2019s a dog. ')
        "In this image, there's a dog"
    """
    return ' '.join(sentence.replace('\u2019', "'").split()).strip(' .,;:!?')


def without_lead(text: str) -> str:
    """Cut off at the start of a plain sentence what names nothing: where in the image, that one sees it, guesses.

    Example:
        >>> without_lead('And in the background of the image I think we can see a house')
        'a house'
    """
    match = _LEAD.match(text)
    return text[match.end() :] if match else text
