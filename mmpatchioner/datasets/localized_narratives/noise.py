"""Sentences about the image as an image, which say nothing of what is in it."""

from __future__ import annotations

import re

from mmpatchioner.datasets.localized_narratives.wording import (
    COPULA,
    IMAGE,
    LOCATION,
    LOCATION_IN_IMAGE,
    THE_IMAGE,
    plain,
    without_lead,
)

_ARTICLE = r'(?:an? |the |some |any )?'
_BLUR = r'(?:blur(?:red|ry|red out|rish|ring)?|unclear|not (?:so |very )?clear|out of focus|hazy)'
_DEGREE_WORD = (
    r'(?:very|a bit|a little|little|bit|slightly|quite|so|too|not|also|completely|really|partially|mostly|somewhat'
    r'|totally|being|probably|more|in|of)'
)
_DEGREE = rf'(?:{_DEGREE_WORD} )*'
_QUALITY = (
    rf'(?:{_BLUR}|clear|clearly visible|grainy|pixelated|noisy|shaky|faded|dull|dark|bright|(?:over|under) ?exposed'
    r'|(?:low|poor|bad|good|high)(?: (?:quality|resolution))?|beautiful|nice|awesome|pleasant|wonderful)'
)
_COLOUR = (
    r'(?:black (?:and|&) white|black white|gr[ae]y ?scale|monochrom(?:e|atic)|sepia|colou?red)'
)
_EDITED = (
    r'(?:edited|photoshopped|photo ?shop|cropped|zoomed(?: in| out)?|rotated|tilted|inverted|flipped|mirrored'
    r'|animated|collaged|computer generated)'
)
_TAKEN = r'(?:taken|clicked|captured|shot|photographed)'
_MEDIUM = r'(?:collages?|screenshots?|screen shots?|posters?|advertisements?|animation|cartoon)'
_KIND = (
    rf'(?:{_QUALITY}|{_COLOUR}|{_EDITED}|{_MEDIUM}|black|white|and|old|vintage|graphical?|digital|painted|close ?up'
    r'|aerial|out ?door|in ?door|night ?time|day ?time|night|day|panoramic|selfie|sample|single|group|reference|some)'
)
# Repetitions are bounded where a text can be read in several ways: otherwise the time would be exponential.
_KINDS = rf'(?:{_KIND} ){{0,6}}'
_MARK = (
    r'(?:water ?marks?|logos?|texts?|words|letters|captions?|time ?stamps?|dates?|signatures?|copyrights?'
    r'|borders?|symbols?)'
)
_ABOUT_IMAGE = (
    rf'(?:{THE_IMAGE}|(?:the )?(?:quality|colou?r|lighting|clarity|resolution) of {THE_IMAGE})'
)
_BACKGROUND = r'(?:the |this )?(?:background|back ?drop|surroundings?|rest)'
# What may follow a predicate without adding anything that is seen: "and edited", "in the background".
_REST = (
    rf'(?: (?:and|with|or|{LOCATION}|{_DEGREE_WORD}|{_QUALITY}|{_COLOUR}|{_EDITED}'
    r'|colou?r|effects?|version)){0,6}$'
)

# From the start of a sentence that was freed of what leads in ("in this image we can see that").
NOISE_PATTERNS: dict[str, re.Pattern[str]] = {
    name: re.compile(expression, re.IGNORECASE)
    for name, expression in {
        'quality': rf'{_ABOUT_IMAGE} {COPULA} {_DEGREE}{_QUALITY}{_REST}',
        'colour': rf'{_ABOUT_IMAGE} {COPULA} {_DEGREE}(?:an? )?{_COLOUR}{_REST}',
        'edited': rf'{_ABOUT_IMAGE} {COPULA} {_DEGREE}(?:an? )?{_EDITED}{_REST}',
        # The rest says where or when; with a clause of its own it also says what is there.
        'taken': rf'(?:{THE_IMAGE}|(?:this|it) {COPULA} {_ARTICLE}{_KINDS}{IMAGE}(?: (?:which|that))?)'
        rf'(?: {COPULA})?(?: (?:also|probably|being))* {_TAKEN}\b'
        r'(?!.*\b(?:where|which|there (?:is|are)|(?:we|i) can|with)\b)',
        'kind': rf'(?:this|it|that|{THE_IMAGE}) {COPULA} {_ARTICLE}{_KINDS}(?:{IMAGE}|{_MEDIUM}){_REST}',
        'collage': rf'(?:(?:this|it|that|{THE_IMAGE}) {COPULA} )?{_ARTICLE}{_KINDS}'
        rf'(?:collage|group|set|combination) of (?:\w+ ){{0,2}}{IMAGE}$',
        'background': rf'(?:{_BACKGROUND}(?: of {THE_IMAGE})?|it|everything) {COPULA} {_DEGREE}{_BLUR}{_REST}'
        rf'|{_ARTICLE}{_BLUR} (?:background|view|image|effect)$',
        'mark': rf'{_ARTICLE}(?:\w+ )?{_MARK}(?: (?:is|are))?(?: (?:written|printed|added|present|placed|visible))?'
        rf'(?: {LOCATION}(?! of\b)){{0,3}}$'
        rf'|{_ARTICLE}(?:\w+ )?water ?marks?\b(?! (?:on|over) (?!{THE_IMAGE}))',
        'lettering': rf'(?:it|something|some ?thing|(?:some )?text|(?:some )?words) (?:is|are) (?:written|printed)'
        rf' {LOCATION_IN_IMAGE}$',
    }.items()
}


def noise_of(sentence: str) -> str | None:
    """Name of the first pattern that a sentence about the image itself fits, or None for any other sentence.

    The paper (section 4.1) gives two examples, "The image is blurred" and "This image is edited"; the patterns are our
    own. A sentence that also says what is seen stays.

    Example:
        >>> noise_of('In this image, the background is a bit blurred.')
        'background'
        >>> noise_of('The picture on the wall is black and white.') is None
        True
    """
    text = without_lead(plain(sentence))
    return next((name for name, pattern in NOISE_PATTERNS.items() if pattern.match(text)), None)
