#!/usr/bin/env python
"""Convert a published memory: ``memory_h5_to_safetensors.py coco_captions...-591753.h5 memory.safetensors``.

Rows of zeros, with which the published files are filled up, are left out; rows are stored at unit length beside their
norms, in bf16 with ``--dtype bf16`` at half the size. Needs h5py. Ends with status 2 and one line if the file is unfit.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.progress import Progress

from mmpatchioner.checkpoints import CheckpointError
from mmpatchioner.checkpoints.command import converter_parser, run_converter
from mmpatchioner.checkpoints.memory_h5 import convert_memory_h5, published_space

_COLUMNS = {'dinotxt-vitl14-reg': (1024, 2048)}


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = converter_parser(__doc__)
    parser.add_argument('memory', help='published .h5 file')
    parser.add_argument('out', help='memory to write, .safetensors')
    parser.add_argument(
        '--dtype', choices=['fp32', 'bf16', 'fp16'], default='fp32', help='type of the rows'
    )
    parser.add_argument(
        '--columns',
        type=int,
        nargs=2,
        metavar=('FIRST', 'END'),
        help='columns to take; default: all, of DINO.txt the half of patches, 1024 2048',
    )
    parser.add_argument('--no-texts', action='store_true', help='keep the embeddings only')
    parser.add_argument(
        '--space', help='name of their space; default: that of a file with a published name'
    )
    return parser.parse_args(argv)


def convert(args: argparse.Namespace) -> None:
    """Convert, write and report."""
    space = args.space or published_space(Path(args.memory).name)
    if space is None:
        raise CheckpointError(
            f'{args.memory}: has none of the published names; name the space of its rows with --space.'
        )
    with Progress(transient=True) as progress:
        task = progress.add_task('Reading', total=None)
        memory = convert_memory_h5(
            args.memory,
            dtype=args.dtype,
            columns=tuple(args.columns) if args.columns else _COLUMNS.get(space),
            keep_texts=not args.no_texts,
            metadata={'space': space},
            on_rows=lambda done, total: progress.update(task, completed=done, total=total),
        )
    memory.save(args.out)
    zeros = memory.metadata['rows_of_zeros_left_out']
    texts = 'without texts' if memory.texts is None else f'e.g. {memory.texts[0]!r}'
    print(f'{args.memory}: {len(memory):,} rows of {memory.embed_dims}, {zeros} of zeros left out')
    print(
        f'{args.out}: {args.dtype}, {Path(args.out).stat().st_size / 1e6:,.1f} MB, '
        f'lengths {memory.norms.min():.3g} to {memory.norms.max():.3g}, space {space}, {texts}'
    )


def main(argv: list[str] | None = None) -> int:
    return run_converter(convert, parse_args(argv))


if __name__ == '__main__':
    raise SystemExit(main())
