"""What Stanford's PTB tokenizer does with captions, in Python: for machines without Java.

The rules were found by asking the tokenizer (CoreNLP 3.4.1, options -preserveLines -lowerCase) what it makes of some
thousand spellings. Quotation marks, of which the original makes opening and closing ones, and points at the end of a
sentence are told apart only as far as it matters to captions, from which all of them are dropped.
"""

from __future__ import annotations

import re
from functools import lru_cache

# \w without digits and underscore; with digits
_L, _W = r'[^\W\d_]', r'[^\W_]'
_APOSTROPHE = "['\u2019]"
_END = rf'(?!{_W})'
_VERB = rf'(?:[msdMSD]|(?i:re|ve|ll)){_END}'
_JOINT = '\u00a0'  # stands for a space within a token

# Abbreviations that keep their full stop: always; unless in lower case, where they are words; before a number.
_ABBREVIATIONS = (
    'adj|adm|adv|al|ala|alex|apr|ariz|assn|assoc|asst|atty|attys|aug|ave|bancorp|bhd|bldg|'
    'blvd|brig|bros|calif|capt|cf|cie|cmdr|co|col|colo|comdr|conn|corp|cos|cpl|ct|dak|dec|'
    'dept|det|dr|drs|elec|ens|esq|est|etc|ext|feb|fla|fri|ft|ga|gen|gov|govs|hon|inc|ind|'
    'insp|intl|jan|jos|jr|jul|jun|kan|kans|ky|lieut|lt|ltd|maj|mar|md|messrs|mfg|mich|'
    'minn|mlle|mme|mo|mon|mont|mr|mrs|ms|msgr|mt|natl|neb|nev|nov|oct|okla|penn|pfc|ph|'
    'plc|pres|prof|profs|pte|ptes|pty|ptys|pvt|rd|rep|reps|rev|rt|sen|sens|sep|sept|seq|'
    'sfc|sgt|spc|sq|sr|st|ste|supt|supts|sys|tel|tenn|thu|thurs|treas|tue|tues|univ|va|vs|'
    'vt|wed|wis|wisc|wm|wyo'
)
_STATES = 'ark|az|del|ill|la|mass|miss|ore|pa|tex|wash'
_BEFORE_NUMBERS = 'art|ca|fig|figs|no|nos|op|pp|prop'

# Two words in one, and where they part.
_CONTRACTIONS = {
    'cannot': 3, 'gonna': 3, 'gotta': 3, 'lemme': 3, 'gimme': 3, 'wanna': 3,
}  # fmt: skip

_RULES = tuple(
    re.compile(rule)
    for rule in (
        # Words: with points between letters, with underscores
        rf'{_L}{_W}*(?:[.!?]{_L}{_W}*)*',
        rf'{_W}+(?:_{_W}+)*(?:-{_W}+(?:_{_W}+)*)*',
        # Compounds: a-b, 3.5-inch, U.S.-made, pre-U.S.
        rf'{_W}(?:{_W}|[.,])*(?:-(?:[dDoOlL]{_APOSTROPHE})?{_W}+)+',
        r'[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*-[A-Za-z](?:\.[A-Za-z])+\.',
        # Alternatives: and/or, 24/7, red/blue-green
        r'[A-Za-z0-9]+(?:-[A-Za-z]+){0,2}(?:/[A-Za-z0-9]+(?:-[A-Za-z]+){0,2}){1,2}',
        # AT&T, C++
        r'[A-Z]+(?:(?:&amp;|[&+])[A-Z]+)+',
        r'[Cc]\+\+|[CcFf]#',
        # The ends of words that are two
        rf'[nN](?:{_APOSTROPHE}|`)[tT]{_END}',
        rf'{_APOSTROPHE}{_VERB}',
        # Words with an apostrophe
        rf'[lLdDjJ]{_APOSTROPHE}(?!{_VERB})',
        rf'[A-HJ-XZdoln]{_APOSTROPHE}(?!{_VERB}){_L}{{2,}}',
        rf'(?![yY]{_APOSTROPHE}){_L}*[aeiouyAEIOUY]{_APOSTROPHE}[aeiouAEIOU]{_L}*',
        rf'(?:[cC]{_APOSTROPHE}mon|[nN]at{_APOSTROPHE}l|[lL]i{_APOSTROPHE}l)',
        rf'[yY]{_APOSTROPHE}(?={_L}{{2,}})',
        rf'(?:[sS]omethin|[dD]unkin|[oO]l){_APOSTROPHE}',
        rf'{_APOSTROPHE}(?:[nN]{_APOSTROPHE}|[nN]{_END}|em|till?|cause|[tT](?=is|was))',
        rf'{_APOSTROPHE}\d\d(?![^\W_]|{_APOSTROPHE})',
        # Numbers, dates, fractions, telephone numbers
        r'[-+]?(?:\d*(?:[.:,]\d+)+|\d+)',
        rf'(?:\d{{1,4}}[-{_JOINT}])?\d{{1,4}}/\d{{1,4}}',
        r'\d{1,2}[-/]\d{1,2}[-/]\d{2,4}',
        rf'\(\d{{2,3}}\){_JOINT}?\d{{3,4}}-\d{{3,5}}',
        # Addresses, files, tags, money
        r'(?:https?|ftp)://[^\s"<>|(){}]+[^\s"<>|.!?(){},-]',
        rf'(?:{_L}{_W}*\.)+(?:com|net|org|edu)/[^\s"<>|(){{}}]+[^\s"<>|.!?(){{}},-]',
        r'[\w.+-]+@\w+(?:[.-]\w+)*',
        rf'{_W}+\.(?:bmp|docx?|gif|html?|jpe?g|mp3|pdf|png|txt|zip)',
        rf'[#@]{_L}+|@{_L}\w*',
        r'(?:US|HK|NZ|NT|[A-Z])\$',
        r'</?[A-Za-z!?][^<>]*>',
        r'&(?:amp|lt|gt|quot|apos);',
        # Abbreviations: initials, then those known
        r'[A-Za-z](?:\.[A-Za-z])+\.?(?![^\W_])',
        r'[A-Za-z]\.(?![^\W_])',
        rf'(?i:{_ABBREVIATIONS})\.{_END}',
        rf'(?!(?:{_STATES})\.)(?i:{_STATES})\.{_END}',
        rf'(?i:{_BEFORE_NUMBERS})\.(?={_JOINT}?\d)',
        rf'{_W}+(?:-{_W}+)*\.(?=[,;:])',
        # Marks
        rf'[<>]?[:;=][-o*\']?[()DPdpO\\{{@|\[\]](?!{_W})',
        r'-{2,4}(?!-)|-{5,}|\.\.\.|[!?]{2,}|_+|\*+|#+|@+|<<|>>|\'\'|``',
    )
)

_NEGATED = re.compile(rf'{_L}{_W}*?(?=[nN](?:{_APOSTROPHE}|`)[tT]{_END})')

_WRITTEN = {
    '[': '-lsb-', ']': '-rsb-', '{': '-lcb-', '}': '-rcb-',
    '"': "''", '\u201c': "''", '\u201d': "''", '\u00ab': "''", '\u00bb': "''", '&quot;': "''",
    '\u2018': "'", '\u2019': "'", '\u2039': "'", '\u203a': "'", '&apos;': "'",
    '\u2026': '...', '\u2013': '--', '\u2014': '--', '---': '--', '----': '--',
    '½': '1/2', '¼': '1/4', '¾': '3/4', '⅓': '1/3', '⅔': '2/3',
    '¢': 'cents', '£': '#', '€': '$', '¤': '$', '&lt;': '<', '&gt;': '>',
}  # fmt: skip
_BRACKETS = str.maketrans({'(': '-lrb-', ')': '-rrb-'})  # also within tokens, as in :-)

# A single letter keeps its full stop, but not before these, which are taken for the beginning of a sentence.
_BEGINNINGS = (
    'A|About|According|Additionally|After|An|As|At|But|Earlier|He|Her|Here|However|If|In|It|'
    'Last|Many|More|Now|Once|One|Other|Our|She|Since|So|Some|Such|That|The|Their|Then|There|'
    'These|They|This|We|What|When|While|Yet|You'
)
_LETTER_AT_END = re.compile(rf'(?<![\w.])([A-Za-z])\.(?=\s+(?:{_BEGINNINGS}){_END})')

# Tokens with a space in them: 1 1/2, (555) 555-1234, <a href="b">
_SPACES = re.compile(rf'[^\S{_JOINT}]+')
_SPACED = re.compile(
    r'(?<![\w.,:/-])\d{1,4} (?=\d{1,4}/\d)|\(\d{2,3}\) (?=\d{3,4}-\d)|</?[A-Za-z!?][^<>]*>'
    rf'|\b(?i:{_BEFORE_NUMBERS})\. (?=\d)'
)


def ptb_split(text: str) -> list[str]:
    """Tokens of a text in lower case, punctuation included.

    Example:
        >>> ptb_split("The boy's kite (a 1/2-price one) can't fly.")
        ['the', 'boy', "'s", 'kite', '-lrb-', 'a', '1/2-price', 'one', '-rrb-', 'ca', "n't", 'fly', '.']
    """
    text = text.replace('&nbsp;', ' ').replace(_JOINT, ' ')
    text = _LETTER_AT_END.sub(r'\1 .', text)
    text = _SPACED.sub(lambda found: found[0].replace(' ', _JOINT), text)
    tokens: list[str] = []
    for chunk in _SPACES.split(text):
        tokens += _split_chunk(chunk)
    return tokens


@lru_cache(maxsize=1 << 16)
def _split_chunk(chunk: str) -> tuple[str, ...]:
    """Tokens of what stands between spaces: from left to right, by the rule that takes the most characters."""
    tokens: list[str] = []
    start = 0
    while start < len(chunk):
        negated = _NEGATED.match(chunk, start)
        matches = [negated] if negated else [rule.match(chunk, start) for rule in _RULES]
        end = max([start + 1, *(match.end() for match in matches if match)])
        token = chunk[start:end].lower().replace('&amp;', '&')
        start = end
        parting = _CONTRACTIONS.get(token)
        if parting:
            tokens += [token[:parting], token[parting:]]
        elif token != _JOINT:
            tokens.append(_WRITTEN.get(token, token).translate(_BRACKETS))
    return tuple(tokens)
