#!/usr/bin/env python
"""Convert token files of Flickr8k and Flickr30k: ``token_files.py TOKENS OUT.jsonl [--split NAME=LIST ...]``.

TOKENS (``Flickr8k.token.txt``, ``results_20130124.token``) has ``name.jpg#0<TAB>caption`` on every line; a LIST
(``Flickr_8k.testImages.txt``) the name of an image. With --split, images on no list are left out. OUT has a line
``{"image", "split"?, "captions"}`` for each image. Ends with status 2 and one line if a file cannot be used.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from mmpatchioner.datasets.annotations.writing import write_lines

_USAGE_ERROR = 2
_LINE = re.compile(r'(?P<image>[^\t]+)#\d+\t(?P<caption>.*)')


class FormatError(ValueError):
    """A file is not of its format."""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0].split(':')[0])
    parser.add_argument('tokens', type=Path, help='token file')
    parser.add_argument('out', help='file to write, .jsonl')
    parser.add_argument(
        '--split',
        metavar='NAME=LIST',
        action='append',
        default=[],
        help='name of a split and the file that lists its images; may be given several times',
    )
    args = parser.parse_args(argv)
    if bad := [text for text in args.split if not re.fullmatch(r'[^=]+=.+', text)]:
        parser.error(
            f'--split: expected NAME=LIST, e.g. test=Flickr_8k.testImages.txt, got {bad[0]}'
        )
    return args


def read_text(path: Path) -> str:
    """The text of a file.

    Raises:
        FormatError: if it is none.
    """
    try:
        return path.read_text(encoding='utf-8')
    except UnicodeDecodeError as error:
        raise FormatError(f'{path}: expected text in UTF-8, got other bytes') from error


def read_tokens(path: Path) -> dict[str, list[str]]:
    """Captions of every image, in the order of the file.

    Raises:
        FormatError: if a line is of another form, or there is none.
    """
    captions: dict[str, list[str]] = {}
    for number, line in enumerate(read_text(path).split('\n'), start=1):
        if not line.strip():
            continue
        match = _LINE.fullmatch(line.rstrip('\r'))
        if match is None:
            raise FormatError(
                f'{path}, line {number}: expected name.jpg#0<TAB>caption, got {line.strip()[:60]!r}'
            )
        if caption := match['caption'].strip():
            captions.setdefault(match['image'].strip(), []).append(caption)
    if not captions:
        raise FormatError(f'{path}: expected captions, it has none')
    return captions


def read_splits(arguments: list[str]) -> dict[str, str]:
    """The split of every listed image.

    Raises:
        FormatError: if an image is in two.
    """
    splits: dict[str, str] = {}
    for argument in arguments:
        name, _, path = argument.partition('=')
        for image in read_text(Path(path)).split():
            if splits.setdefault(image, name) != name:
                raise FormatError(f'{path}: {image} is in the split {splits[image]!r} already')
    return splits


def entries(
    captions: Mapping[str, list[str]], splits: Mapping[str, str]
) -> Iterator[dict[str, object]]:
    """Lines of the images that are wanted: all if there are no splits."""
    for image, texts in captions.items():
        if not splits:
            yield {'image': image, 'captions': texts}
        elif image in splits:
            yield {'image': image, 'split': splits[image], 'captions': texts}


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    try:
        captions, splits = read_tokens(args.tokens), read_splits(args.split)
        if without := [image for image in splits if image not in captions]:
            raise FormatError(
                f'{args.tokens}: {len(without):,} of {len(splits):,} listed images have no caption, the first is '
                f'{without[0]}'
            )
        written = write_lines(args.out, entries(captions, splits))
    except (FormatError, OSError) as error:
        print(f'token_files.py: error: {error}', file=sys.stderr)
        return _USAGE_ERROR
    print(f'{args.out}: {written:,} images; left out, on no list: {len(captions) - written:,}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
