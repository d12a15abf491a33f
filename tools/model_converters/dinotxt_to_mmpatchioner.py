#!/usr/bin/env python
"""Convert DINO.txt: ``dinotxt_to_mmpatchioner.py ..._vision_head.pth out.safetensors``, and ``..._text_encoder.pth``.

Which of the two files it is, is seen from its names. Every tensor must be there, in its shape, and nothing else; a
report tells where each went. Ends with status 2 and one line if the file is unfit.
"""

from __future__ import annotations

import argparse

from mmpatchioner.checkpoints import load_state_dict, save_safetensors
from mmpatchioner.checkpoints.command import converter_parser, run_converter
from mmpatchioner.checkpoints.dinotxt import convert_text_tower, convert_vision_head, is_text_tower


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = converter_parser(__doc__)
    parser.add_argument('checkpoint', help='published .pth file, vision head or text encoder')
    parser.add_argument('out', help='weights to write, .safetensors')
    return parser.parse_args(argv)


def convert(args: argparse.Namespace) -> None:
    """Convert, write and report."""
    if is_text_tower(load_state_dict(args.checkpoint)):
        converted = convert_text_tower(args.checkpoint)
        use = "tower=dict(init_cfg=...) of dict(type='mmpatchioner.DINOTxtTextEncoder', ...)"
    else:
        converted = convert_vision_head(args.checkpoint)
        use = "head=dict(init_cfg=...) of dict(type='mmpatchioner.DINOTxtNeck', ...)"
    save_safetensors(converted.tensors, args.out, converted.metadata)
    print(converted.report())
    print(f'\n{args.out}: for {use}')


def main(argv: list[str] | None = None) -> int:
    return run_converter(convert, parse_args(argv))


if __name__ == '__main__':
    raise SystemExit(main())
