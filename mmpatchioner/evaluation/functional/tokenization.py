"""Captions as the tokens that BLEU, ROUGE, CIDEr and METEOR are computed on: Penn Treebank's, without punctuation."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, get_args

from mmpatchioner.evaluation.functional.java import ExternalToolError, coco_caption_file, find_java
from mmpatchioner.evaluation.functional.ptb_python import ptb_split

Tokenizer = Literal['stanford', 'python', 'none']
TOKENIZERS: tuple[str, ...] = get_args(Tokenizer)

# As in all captioning code. With the tokenizer's option -lowerCase round brackets come out as -lrb- and -rrb-, which
# are not among these and therefore stay: published scores contain them.
_DROPPED = frozenset(
    ("''", "'", '``', '`', '-LRB-', '-RRB-', '-LCB-', '-RCB-', '.', '?', '!', ',', ':', '-', '--', '...', ';')
)  # fmt: skip
_LINE_ENDS = str.maketrans(dict.fromkeys('\n\r\v\f\x85\u2028\u2029', ' '))


def tokenize(
    texts: Sequence[str], tokenizer: Tokenizer | None = None
) -> tuple[list[str], Tokenizer]:
    """Tokens of texts, by the means at hand.

    Args:
        texts: One caption each; an empty one stays empty.
        tokenizer: ``'stanford'`` is :func:`ptb_tokenize`, ``'python'`` :func:`ptb_tokenize_python`, ``'none'`` takes
            the texts as they are; None takes the first if it runs, else the second.

    Returns:
        Lower-case tokens of each text, joined by spaces, and the tokenizer that made them.

    Raises:
        ExternalToolError: if ``'stanford'`` is asked for and does not run.
        ValueError: if there is no such tokenizer.
    """
    if tokenizer is None:
        try:
            return ptb_tokenize(texts), 'stanford'
        except ExternalToolError:
            return ptb_tokenize_python(texts), 'python'
    if tokenizer not in TOKENIZERS:
        raise ValueError(
            f'tokenizer: expected None or one of {", ".join(TOKENIZERS)}, got {tokenizer!r}.'
        )
    tokenizers: dict[str, Callable[[Sequence[str]], list[str]]] = {
        'stanford': ptb_tokenize,
        'python': ptb_tokenize_python,
        'none': list,
    }
    return tokenizers[tokenizer](texts), tokenizer


def ptb_tokenize(texts: Sequence[str]) -> list[str]:
    """Tokens of texts by Stanford's PTB tokenizer, the one of all published scores, in one run of Java.

    Args:
        texts: One caption each; ends of lines in it count as spaces.

    Returns:
        Lower-case tokens of each text, joined by spaces, punctuation dropped.

    Raises:
        JavaNotFoundError: if there is no Java.
        MissingPackageError: if pycocoevalcap, which has the tokenizer, is not installed.
        ExternalToolError: if Java failed.
    """
    if not texts:
        return []
    jar = coco_caption_file('tokenizer/stanford-corenlp-3.4.1.jar')
    command = [str(find_java()), '-cp', str(jar), 'edu.stanford.nlp.process.PTBTokenizer']
    command += ['-preserveLines', '-lowerCase', '-encoding', 'utf-8']
    with tempfile.TemporaryDirectory(prefix='ptb-') as folder:
        path = Path(folder) / 'captions.txt'
        # A lone surrogate, which no encoding has, becomes a question mark.
        path.write_bytes(
            b''.join(text.translate(_LINE_ENDS).encode(errors='replace') + b'\n' for text in texts)
        )
        try:
            run = subprocess.run([*command, str(path)], capture_output=True, check=False)
        except OSError as error:
            raise ExternalToolError(f'The PTB tokenizer could not be started: {error}.') from error
    lines = run.stdout.decode(errors='replace').split('\n')[:-1]
    if run.returncode != 0 or len(lines) != len(texts):
        said = ' / '.join(run.stderr.decode(errors='replace').split('\n')[-5:]).strip(' /')
        raise ExternalToolError(
            f'The PTB tokenizer gave {len(lines)} lines for {len(texts)} captions '
            f'(exit code {run.returncode}; Java said: {said or "nothing"}).'
        )
    return [_join(line.rstrip().split(' ')) for line in lines]


def ptb_tokenize_python(texts: Sequence[str]) -> list[str]:
    """The same tokens without Java, but for rare texts; see :mod:`.ptb_python`.

    Args:
        texts: One caption each.

    Returns:
        Lower-case tokens of each text, joined by spaces, punctuation dropped.

    Example:
        >>> ptb_tokenize_python(["A man, who isn't tall, rides a two-wheeled bike."])
        ["a man who is n't tall rides a two-wheeled bike"]
    """
    known = {text: _join(ptb_split(text)) for text in dict.fromkeys(texts)}
    return [known[text] for text in texts]


def _join(tokens: Sequence[str]) -> str:
    return ' '.join(token for token in tokens if token not in _DROPPED)
