#!/usr/bin/env python
"""Convert a published AlphaCLIP: ``alphaclip_to_mmpatchioner.py clip_b16_grit1m_fultune_8xe.pth out.safetensors``.

Every tensor of the image tower must be there, in its shape, and nothing else; a report tells where each went. Ends with
status 2 and one line if the file is unfit.
"""

from __future__ import annotations

import argparse

from mmpatchioner.checkpoints import save_safetensors
from mmpatchioner.checkpoints.alphaclip import convert_alphaclip
from mmpatchioner.checkpoints.command import converter_parser, run_converter


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = converter_parser(__doc__)
    parser.add_argument('checkpoint', help='published .pth file')
    parser.add_argument('out', help='weights to write, .safetensors')
    return parser.parse_args(argv)


def convert(args: argparse.Namespace) -> None:
    """Convert, write and report."""
    converted = convert_alphaclip(args.checkpoint)
    save_safetensors(converted.tensors, args.out, converted.metadata)
    print(converted.report())
    print(f"\n{args.out}: for init_cfg of dict(type='mmpatchioner.AlphaCLIPNeck', ...)")


def main(argv: list[str] | None = None) -> int:
    return run_converter(convert, parse_args(argv))


if __name__ == '__main__':
    raise SystemExit(main())
