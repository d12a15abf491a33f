#!/usr/bin/env python
"""Build the memory of text embeddings that a MemoryBridge projects on.

``python tools/build_memory.py CONFIG OUT.safetensors`` takes ``corpus`` and ``encoder`` of a config file, e.g.
configs/training/memory_talk2dino_coco.py; ``--cfg-options`` changes any setting. ``medoids`` in the config
keeps so many texts that stand for all others. The memory keeps how many texts every row stands for.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

import torch
from mmengine.config import Config, DictAction
from mmengine.device import get_device
from rich.progress import track

from mmpatchioner.checkpoints import CheckpointError
from mmpatchioner.datasets import TextCorpus
from mmpatchioner.models.bridges import medoids, save_memory
from mmpatchioner.models.text_encoders import build_text_encoder
from mmpatchioner.version import __version__

_USAGE_ERROR = 2


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', help='config file with `corpus` and `encoder`')
    parser.add_argument('out', help='memory to write, .safetensors')
    parser.add_argument(
        '--dtype', choices=['fp32', 'bf16', 'fp16'], default='fp32', help='type of the rows'
    )
    parser.add_argument('--batch-size', type=int, default=128, help='texts in one forward pass')
    parser.add_argument('--no-texts', action='store_true', help='keep the embeddings only')
    parser.add_argument('--device', default=None, help='default: the best there is')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='settings to change')
    return parser.parse_args(argv)


def without_folders(value: object) -> object:
    """Settings of a corpus with the names of its files alone: a memory shall not tell where it was built."""
    if isinstance(value, dict):
        return {
            key: Path(inner).name if key == 'path' else without_folders(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [without_folders(inner) for inner in value]
    return value


def build(cfg: Config, args: argparse.Namespace) -> None:
    """Encode the corpus chunk by chunk and write the memory."""
    corpus = TextCorpus(**cfg.corpus)
    encoder = build_text_encoder(cfg.encoder, args.device or get_device())
    # Chunks of many batches, so that texts of one length find each other.
    size = 64 * args.batch_size
    rows = torch.empty(len(corpus), encoder.embed_dims)
    for start in track(range(0, len(corpus), size), description=f'Embedding {len(corpus):,} texts'):
        texts = corpus.texts[start : start + size]
        rows[start : start + size] = encoder.encode(texts, args.batch_size).cpu()
    metadata = {
        'space': encoder.space,
        'encoder_sha256': encoder.fingerprint(),
        'corpus': repr(without_folders(cfg.corpus.to_dict())),
        'texts_sha256': hashlib.sha256('\n'.join(corpus.texts).encode()).hexdigest(),
        'mmpatchioner': __version__,
    }
    texts = corpus.texts
    counts = torch.tensor([entry.count for entry in corpus.entries])
    if cfg.get('medoids'):
        kept, counts = medoids(rows, cfg.medoids)
        rows, texts = rows[kept], [texts[row] for row in kept.tolist()]
        metadata['medoids_of'] = str(len(corpus))
    memory = save_memory(
        args.out, rows, None if args.no_texts else texts, metadata, args.dtype, counts
    )
    size_mb = Path(args.out).stat().st_size / 1e6
    print(
        f'{args.out}: {len(memory):,} x {memory.embed_dims} {args.dtype}, space {encoder.space}, {size_mb:,.1f} MB'
    )


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    try:
        if not Path(args.config).is_file():
            raise FileNotFoundError(f'{args.config}: no such config file')
        cfg = Config.fromfile(args.config)
        cfg.merge_from_dict(args.cfg_options or {})
        missing = {'corpus', 'encoder'} - set(cfg)
        if missing:
            raise ValueError(
                f'{args.config}: expected `corpus` and `encoder`, it lacks {sorted(missing)}'
            )
        build(cfg, args)
    except (CheckpointError, FileNotFoundError, ValueError) as error:
        print(f'build_memory.py: error: {error}', file=sys.stderr)
        return _USAGE_ERROR
    return 0


if __name__ == '__main__':
    sys.exit(main())
