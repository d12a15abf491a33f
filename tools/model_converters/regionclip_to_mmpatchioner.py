#!/usr/bin/env python
"""Convert a published RegionCLIP: ``regionclip_to_mmpatchioner.py regionclip_pretrained-cc_rn50.pth out.safetensors``.

Writes the image tower and, with ``--text-out``, the text tower. Every tensor of them must be there, in its shape; what
else the file holds is left out by the name of its group, and a group that is not known is an error. A report tells
where each tensor went. Ends with status 2 and one line if the file is unfit.
"""

from __future__ import annotations

import argparse

from mmpatchioner.checkpoints import save_safetensors
from mmpatchioner.checkpoints.command import converter_parser, run_converter
from mmpatchioner.checkpoints.regionclip import convert_image_tower, convert_text_tower


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = converter_parser(__doc__)
    parser.add_argument('checkpoint', help='published .pth file')
    parser.add_argument('out', help='image tower to write, .safetensors')
    parser.add_argument('--text-out', help='text tower to write, .safetensors')
    return parser.parse_args(argv)


def convert(args: argparse.Namespace) -> None:
    """Convert, write and report."""
    image = convert_image_tower(args.checkpoint)
    text = convert_text_tower(args.checkpoint) if args.text_out else None
    save_safetensors(image.tensors, args.out, image.metadata)
    print(image.report())
    print(f"\n{args.out}: for init_cfg of dict(type='mmpatchioner.RegionCLIPNeck', ...)")
    if text is not None:
        save_safetensors(text.tensors, args.text_out, text.metadata)
        print(f'\n{text.report()}')
        use = "tower=dict(init_cfg=...) of dict(type='mmpatchioner.RegionCLIPTextEncoder', ...)"
        print(f'\n{args.text_out}: for {use}')


def main(argv: list[str] | None = None) -> int:
    return run_converter(convert, parse_args(argv))


if __name__ == '__main__':
    raise SystemExit(main())
