#!/usr/bin/env python
"""Convert a published memory of MeaCap: ``meacap_to_mmpatchioner.py memory/coco_B16_t2d memory.safetensors``.

The folder holds ``memory_captions.json`` and ``memory_clip_embeddings.pt``; rows are stored at unit length beside their
norms and captions, in bf16 with ``--dtype bf16`` at half the size. Its decoder is one of ViECap and converted as such.
Ends with status 2 and one line if a file is unfit.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mmpatchioner.checkpoints.command import converter_parser, run_converter
from mmpatchioner.checkpoints.meacap import CAPTIONS_FILE, EMBEDDINGS_FILE, convert_meacap_memory
from mmpatchioner.checkpoints.talk2dino import PATCHIONER_SPACE


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = converter_parser(__doc__)
    parser.add_argument('folder', type=Path, help='published folder of the memory')
    parser.add_argument('out', help='memory to write, .safetensors')
    parser.add_argument(
        '--dtype', choices=['fp32', 'bf16', 'fp16'], default='fp32', help='type of the rows'
    )
    parser.add_argument('--space', default=PATCHIONER_SPACE, help='name of their space')
    return parser.parse_args(argv)


def convert(args: argparse.Namespace) -> None:
    """Convert, write and report."""
    memory = convert_meacap_memory(
        args.folder / CAPTIONS_FILE,
        args.folder / EMBEDDINGS_FILE,
        args.dtype,
        {'space': args.space},
    )
    memory.save(args.out)
    print(
        f'{args.folder}: {len(memory):,} captions, rows of {memory.embed_dims}\n'
        f'{args.out}: {args.dtype}, {Path(args.out).stat().st_size / 1e6:,.1f} MB, '
        f'lengths {memory.norms.min():.3g} to {memory.norms.max():.3g}, space {args.space}'
    )


def main(argv: list[str] | None = None) -> int:
    return run_converter(convert, parse_args(argv))


if __name__ == '__main__':
    raise SystemExit(main())
