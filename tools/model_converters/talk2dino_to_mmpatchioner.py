#!/usr/bin/env python
"""Convert a published Talk2DINO projection: ``talk2dino_to_mmpatchioner.py vitb_mlp_infonce.pth out.safetensors``.

Two different files are published under one name; which of them it is, is printed and kept in the metadata, and so is
the name of its space, so that they do not meet. Ends with status 2 and one line if the file is unfit.
"""

from __future__ import annotations

import argparse

from mmpatchioner.checkpoints import save_safetensors
from mmpatchioner.checkpoints.command import converter_parser, run_converter
from mmpatchioner.checkpoints.conversion import Converted
from mmpatchioner.checkpoints.talk2dino import convert_talk2dino


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = converter_parser(__doc__)
    parser.add_argument('checkpoint', help='published .pth file')
    parser.add_argument('out', help='weights to write, .safetensors')
    parser.add_argument(
        '--space', help='name of the space it projects into; default: that of a file that is known'
    )
    return parser.parse_args(argv)


def convert(args: argparse.Namespace) -> None:
    """Convert, write and report."""
    converted = convert_talk2dino(args.checkpoint, args.space)
    save_safetensors(converted.tensors, args.out, converted.metadata)
    print(converted.report())
    origin, sha256 = converted.metadata['origin'], converted.metadata['source_sha256']
    space = converted.metadata.get('space', 'not known, name it with --space')
    print(f'\norigin: {origin} (sha256 {sha256})\nspace: {space}')
    print(f"{args.out}: for dict(type='mmpatchioner.TextProjection', {_arguments(converted)}, ...)")


def _arguments(converted: Converted) -> str:
    shapes = [tuple(t.shape) for name, t in converted.tensors.items() if name.endswith('weight')]
    widths = [shapes[0][1], *(outputs for outputs, _ in shapes)]
    hidden = widths[1:-1]
    hidden_dims = hidden[0] if len(hidden) == 1 else hidden or None
    return f'in_dims={widths[0]}, hidden_dims={hidden_dims}, out_dims={widths[-1]}'


def main(argv: list[str] | None = None) -> int:
    return run_converter(convert, parse_args(argv))


if __name__ == '__main__':
    raise SystemExit(main())
