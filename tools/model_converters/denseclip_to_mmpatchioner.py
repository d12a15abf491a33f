#!/usr/bin/env python
"""Convert a published DenseCLIP ViT: ``denseclip_to_mmpatchioner.py ViT-B-DenseCLIP.pth out.safetensors``.

Writes the image tower and, with ``--text-out``, the text tower. That one has 13 positions in the published file;
captions need more, which ``--long-context`` takes from the CLIP that it began with. Every tensor of the towers must be
there, in its shape; what else the file holds is left out by the name of its group, and a group that is not known is an
error. A report tells where each tensor went. Ends with status 2 and one line if the file is unfit.
"""

from __future__ import annotations

import argparse

from torch import Tensor
from transformers import CLIPTextModelWithProjection

from mmpatchioner.checkpoints import from_folder_or_hub, save_safetensors
from mmpatchioner.checkpoints.command import converter_parser, run_converter
from mmpatchioner.checkpoints.denseclip import convert_image_tower, convert_text_tower


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = converter_parser(__doc__)
    parser.add_argument('checkpoint', help='published .pth file')
    parser.add_argument('out', help='image tower to write, .safetensors')
    parser.add_argument('--text-out', help='text tower to write, .safetensors')
    parser.add_argument(
        '--long-context',
        metavar='CLIP',
        help='hub id or folder of the CLIP it began with (openai/clip-vit-base-patch16), for the positions that the '
        'text tower lacks',
    )
    args = parser.parse_args(argv)
    if args.long_context and not args.text_out:
        parser.error('--long-context is for the text tower; name its file with --text-out')
    return args


def convert(args: argparse.Namespace) -> None:
    """Convert, write and report."""
    image = convert_image_tower(args.checkpoint)
    positions = clip_positions(args.long_context) if args.long_context else None
    text = convert_text_tower(args.checkpoint, positions) if args.text_out else None
    save_safetensors(image.tensors, args.out, image.metadata)
    print(image.report())
    print(f"\n{args.out}: for init_cfg of dict(type='mmpatchioner.DenseCLIPNeck', ...)")
    if text is not None:
        save_safetensors(text.tensors, args.text_out, text.metadata)
        print(f'\n{text.report()}')
        use = "tower=dict(init_cfg=...) of dict(type='mmpatchioner.DenseCLIPTextEncoder', ...)"
        print(f'\n{args.text_out}: for {use}')


def clip_positions(name: str) -> Tensor:
    """Position embeddings (77, C) of a CLIP's text tower."""
    model = from_folder_or_hub(CLIPTextModelWithProjection, name, '--long-context')
    return model.text_model.embeddings.position_embedding.weight.detach()


def main(argv: list[str] | None = None) -> int:
    return run_converter(convert, parse_args(argv))


if __name__ == '__main__':
    raise SystemExit(main())
