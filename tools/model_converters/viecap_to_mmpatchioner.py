#!/usr/bin/env python
"""Convert a published ViECap, MeaCap or CapDec decoder: ``viecap_to_mmpatchioner.py coco-0014.pt decoder.safetensors``.

Every tensor must be there, in the published shape, and nothing else; a report tells where each went. Ends with status 2
and one line if the file is unfit.
"""

from __future__ import annotations

import argparse

from mmpatchioner.checkpoints import save_safetensors
from mmpatchioner.checkpoints.command import converter_parser, run_converter
from mmpatchioner.checkpoints.talk2dino import PATCHIONER_SPACE
from mmpatchioner.checkpoints.viecap import convert_viecap, viecap_arguments


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = converter_parser(__doc__)
    parser.add_argument('checkpoint', help='published .pt file')
    parser.add_argument('out', help='weights to write, .safetensors')
    parser.add_argument('--num-layers', type=int, default=12, help='blocks of GPT-2')
    parser.add_argument(
        '--mapper-layers', type=int, default=8, help='blocks of the mapping network'
    )
    parser.add_argument('--prefix-dims', type=int, help='width that its vectors must have')
    parser.add_argument(
        '--space', default=PATCHIONER_SPACE, help='name of the space of its vectors'
    )
    return parser.parse_args(argv)


def convert(args: argparse.Namespace) -> None:
    """Convert, write and report."""
    converted = convert_viecap(
        args.checkpoint, args.num_layers, args.mapper_layers, args.prefix_dims
    )
    save_safetensors(converted.tensors, args.out, {**converted.metadata, 'space': args.space})
    print(converted.report())
    sizes = ', '.join(f'{name}={value}' for name, value in viecap_arguments(converted).items())
    print(f"\n{args.out}: for dict(type='mmpatchioner.ViECapDecoder', {sizes}, ...)")


def main(argv: list[str] | None = None) -> int:
    return run_converter(convert, parse_args(argv))


if __name__ == '__main__':
    raise SystemExit(main())
