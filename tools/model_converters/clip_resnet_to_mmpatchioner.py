#!/usr/bin/env python
"""Convert a ResNet of CLIP: ``clip_resnet_to_mmpatchioner.py open_clip_model.safetensors clip-rn50x4.safetensors``.

For the files of open_clip (timm/resnet50x4_clip.openai on the Hugging Face hub), whose tensors are named as in OpenAI's
code. Every tensor of the image tower must be there, in its shape; the text tower is left out by name. A report tells
where each tensor went. Ends with status 2 and one line if the file is unfit.
"""

from __future__ import annotations

import argparse

from mmpatchioner.checkpoints import save_safetensors
from mmpatchioner.checkpoints.clip_resnet import clip_resnet_arguments, convert_clip_resnet
from mmpatchioner.checkpoints.command import converter_parser, run_converter


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = converter_parser(__doc__)
    parser.add_argument('checkpoint', help='file of a whole CLIP')
    parser.add_argument('out', help='image tower to write, .safetensors')
    return parser.parse_args(argv)


def convert(args: argparse.Namespace) -> None:
    """Convert, write and report."""
    converted = convert_clip_resnet(args.checkpoint)
    save_safetensors(converted.tensors, args.out, converted.metadata)
    print(converted.report())
    sizes = ', '.join(f'{name}={value}' for name, value in clip_resnet_arguments(converted).items())
    use = f"type='mmpatchioner.CLIPResNetNeck', backbone=dict(config=dict({sizes})), init_cfg=..."
    print(f'\n{args.out}: for dict({use})')


def main(argv: list[str] | None = None) -> int:
    return run_converter(convert, parse_args(argv))


if __name__ == '__main__':
    raise SystemExit(main())
