#!/usr/bin/env python
"""Turn Localized Narratives into trace captioning: ``localized_narratives.py IN.jsonl [...] --out traces.json``.

Every sentence of a narrative becomes a sample with the part of the mouse trace that was drawn while it was spoken, in
the format of the published benchmark; docs/localized_narratives.md tells how. Ends with status 2 and one line if a
file, an option or a language model can not be used, or if no sample is left; nothing is written then.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from mmpatchioner.checkpoints import CheckpointError
from mmpatchioner.datasets.annotations import AnnotationError
from mmpatchioner.datasets.localized_narratives import (
    ConversionCounts,
    EndpointModel,
    KeepSentences,
    LanguageModelRewriter,
    LocalModel,
    Narrative,
    RewriteCache,
    RewriteError,
    Rewriter,
    RuleRewriter,
    Selection,
    WrittenTraces,
    image_key,
    read_image_list,
    read_narratives,
    read_prompt,
    trace_samples,
    write_traces,
)

_USAGE_ERROR = 2
_COUNTS = {
    'narratives': 'narratives read',
    'other_datasets': '  of other datasets',
    'other_images': '  of other images',
    'sentences': 'sentences of the others',
    'noise': '  about the image itself',
    'unaligned': '  not in the recording',
    'without_points': '  with too few points',
    'unnamed': '  rewritten to nothing',
    'kept': '  kept',
}


class OptionError(Exception):
    """A command line argument can not be used."""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0].split(':')[0])
    parser.add_argument('narratives', nargs='+', help='files of narratives, .jsonl or .jsonl.gz')
    parser.add_argument('--out', required=True, help='file of trace captions to write, .json')
    parser.add_argument('--images', help='only images of this list, e.g. coco-test.json')
    parser.add_argument(
        '--split', help="of the list, if it tells splits: 'test' in Karpathy's files"
    )
    parser.add_argument(
        '--dataset-id', nargs='+', default=[], help="only these datasets, e.g. 'mscoco_*'"
    )
    parser.add_argument('--min-points', type=int, default=1, help='points inside, for each trace')
    parser.add_argument(
        '--merge', action='store_true', help='make one sample of those with the same trace'
    )
    parser.add_argument('--keep-noise', action='store_true', help='keep sentences about the image')
    parser.add_argument(
        '--rewrite', choices=['none', 'rules', 'llm'], default='rules', help='default: rules'
    )
    model = parser.add_argument_group('language model (--rewrite llm)')
    model.add_argument('--llm', help='its name at the endpoint, or a hub id or folder')
    model.add_argument('--base-url', help='OpenAI-compatible endpoint; without one it runs here')
    model.add_argument(
        '--api-key-env', default='OPENAI_API_KEY', help='variable that holds the key, if one is set'
    )
    model.add_argument('--prompt', help='file with {sentence} in it; default: the packaged one')
    model.add_argument('--cache', help='file of answers; default: OUT.rewrites.jsonl')
    model.add_argument('--device', default='cpu', help='of a model that runs here')
    model.add_argument('--batch-size', type=int, default=16, help='sentences at once')
    model.add_argument('--workers', type=int, default=4, help='requests at once')
    model.add_argument('--timeout', type=float, default=60.0, help='seconds for a request')
    model.add_argument('--retries', type=int, default=5, help='repetitions of a failed request')
    model.add_argument('--max-tokens', type=int, default=64, help='longest answer')
    return parser.parse_args(argv)


def build_rewriter(args: argparse.Namespace, stack: ExitStack) -> Rewriter:
    """What ``--rewrite`` asks for; the cache of a language model is closed with the stack.

    Raises:
        OptionError: if no model is named.
        RewriteError, CheckpointError, OSError: as their functions tell.
    """
    if args.rewrite != 'llm':
        return KeepSentences() if args.rewrite == 'none' else RuleRewriter()
    if not args.llm:
        raise OptionError('--rewrite llm: name the model with --llm.')
    prompt = read_prompt(args.prompt)
    model: EndpointModel | LocalModel
    if args.base_url:
        model = EndpointModel(
            args.base_url,
            args.llm,
            api_key=os.environ.get(args.api_key_env),
            max_tokens=args.max_tokens,
            timeout=args.timeout,
            retries=args.retries,
            workers=args.workers,
        )
    else:
        model = LocalModel(args.llm, args.device, args.max_tokens)
    cache = stack.enter_context(RewriteCache(args.cache or f'{args.out}.rewrites.jsonl'))
    return LanguageModelRewriter(model, prompt, cache, args.batch_size)


def read_all(paths: Sequence[str], select: Selection, progress: Progress) -> Iterator[Narrative]:
    """The selected narratives of all files, with a bar for each file."""
    for path in paths:
        with progress.open(path, 'rb', description=Path(path).name) as stream:
            yield from read_narratives(stream, path, select)


def convert(args: argparse.Namespace) -> None:
    """Convert and report.

    Raises:
        AnnotationError: if a file is unfit or nothing is left.
        OptionError: if an option is unfit.
        RewriteError, CheckpointError, OSError: as their functions tell.
    """
    for option in ('min_points', 'batch_size', 'workers', 'max_tokens'):
        if getattr(args, option) < 1:
            raise OptionError(f'--{option.replace("_", "-")}: expected 1 or more.')
    if args.split and not args.images:
        raise OptionError('--split: expected --images too, the list that tells splits.')
    for path in args.narratives:
        if not Path(path).is_file():
            raise FileNotFoundError(f'{path}: no such file')
    images = read_image_list(args.images, args.split) if args.images else None
    counts = ConversionCounts()
    with ExitStack() as stack:
        rewriter = build_rewriter(args, stack)
        progress = stack.enter_context(Progress(console=Console(stderr=True), transient=True))
        narratives = read_all(args.narratives, Selection(counts, images, args.dataset_id), progress)
        samples = trace_samples(narratives, rewriter, counts, not args.keep_noise, args.min_points)
        first = next(samples, None)
        if first is None:
            raise AnnotationError(f'no sample is left: {summary(counts)}')
        written = write_traces(chain([first], samples), args.out, args.merge)
    Console().print(report(counts, written, images))


def summary(counts: ConversionCounts) -> str:
    """The counts on one line."""
    return ', '.join(f'{getattr(counts, name):,} {text.strip()}' for name, text in _COUNTS.items())


def report(
    counts: ConversionCounts, written: WrittenTraces, images: frozenset[str] | None
) -> Table:
    """What was read, dropped and written, as a table."""
    table = Table(show_header=False, box=None, pad_edge=False)
    rows = {text: getattr(counts, name) for name, text in _COUNTS.items()}
    if written.merged:
        rows['samples merged into others'] = written.merged
    rows['samples written'] = written.samples
    rows['images written'] = len(written.image_ids)
    if images is not None:
        rows['images of the list without a sample'] = len(
            images - {image_key(image_id) for image_id in written.image_ids}
        )
    for text, number in rows.items():
        table.add_row(text, f'{number:>12,}')
    return table


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    try:
        convert(args)
    except (OptionError, AnnotationError, RewriteError, CheckpointError, OSError) as error:
        message = ' '.join(str(error).split())
        print(f'localized_narratives.py: error: {message}', file=sys.stderr)
        return _USAGE_ERROR
    return 0


if __name__ == '__main__':
    sys.exit(main())
