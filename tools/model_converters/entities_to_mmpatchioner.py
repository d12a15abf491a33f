#!/usr/bin/env python
"""Convert a published vocabulary of ViECap: ``entities_to_mmpatchioner.py FILE.pickle entities.safetensors``.

The file holds the embeddings alone, in the order of the alphabet of their names, which a text file gives, one in each
line. Of the pickle nothing but the tensor is read. Ends with status 2 and one line if the file is unfit.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mmpatchioner.checkpoints.command import converter_parser, run_converter
from mmpatchioner.checkpoints.entities import convert_entities, read_names
from mmpatchioner.checkpoints.talk2dino import PATCHIONER_SPACE

_COCO = Path(__file__).parents[2] / 'configs' / 'training' / 'coco_entities.txt'


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = converter_parser(__doc__)
    parser.add_argument('vocabulary', help='published .pickle file')
    parser.add_argument('out', help='vocabulary to write, .safetensors')
    parser.add_argument(
        '--names', type=Path, default=_COCO, help='text file of the names; default: the 80 of COCO'
    )
    parser.add_argument('--space', default=PATCHIONER_SPACE, help='name of their space')
    return parser.parse_args(argv)


def convert(args: argparse.Namespace) -> None:
    """Convert, write and report."""
    memory = convert_entities(args.vocabulary, read_names(args.names), {'space': args.space})
    memory.save(args.out)
    print(f'{args.out}: {len(memory):,} names, rows of {memory.embed_dims}, space {args.space}')


def main(argv: list[str] | None = None) -> int:
    return run_converter(convert, parse_args(argv))


if __name__ == '__main__':
    raise SystemExit(main())
