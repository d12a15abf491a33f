#!/usr/bin/env python
"""Convert a published DeCap decoder: ``decap_to_mmpatchioner.py coco-009.pt decoder.safetensors``.

Every tensor must be there, in the published shape, and nothing else; a report tells where each went. With ``--memory``
the decoder is checked against the memory it will be used with. Ends with status 2 and one line if the file is unfit.
"""

from __future__ import annotations

import argparse

from mmpatchioner.checkpoints import CheckpointError, load_memory, save_safetensors
from mmpatchioner.checkpoints.command import converter_parser, run_converter
from mmpatchioner.checkpoints.decap import convert_decap, decoder_arguments
from mmpatchioner.checkpoints.talk2dino import PATCHIONER_SPACE


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = converter_parser(__doc__)
    parser.add_argument('checkpoint', help='published .pt file')
    parser.add_argument('out', help='weights to write, .safetensors')
    parser.add_argument('--memory', help='memory.safetensors that the decoder belongs to')
    parser.add_argument('--num-layers', type=int, default=4, help='blocks it must have')
    parser.add_argument(
        '--space',
        help=f'name of the space of its prefix; default: that of --memory, or {PATCHIONER_SPACE}',
    )
    return parser.parse_args(argv)


def convert(args: argparse.Namespace) -> None:
    """Convert, write and report."""
    memory = load_memory(args.memory) if args.memory else None
    own_space = None if memory is None else memory.space
    space = args.space or own_space or PATCHIONER_SPACE
    if own_space not in (None, space):
        raise CheckpointError(
            f'{args.memory} is of the space {own_space!r}, not of {space!r}, the --space of the decoder; '
            'they do not belong together.'
        )
    converted = convert_decap(
        args.checkpoint, args.num_layers, None if memory is None else memory.embed_dims
    )
    save_safetensors(converted.tensors, args.out, {**converted.metadata, 'space': space})
    print(converted.report())
    sizes = ', '.join(f'{name}={value}' for name, value in decoder_arguments(converted).items())
    print(
        f"\n{args.out}: space {space}, for dict(type='mmpatchioner.PrefixDecoder', {sizes}, num_heads=4, ...)"
    )


def main(argv: list[str] | None = None) -> int:
    return run_converter(convert, parse_args(argv))


if __name__ == '__main__':
    raise SystemExit(main())
