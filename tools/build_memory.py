#!/usr/bin/env python
"""Build the memory of text embeddings that a MemoryBridge projects on.

``python tools/build_memory.py CONFIG OUT.safetensors`` takes ``corpus`` and ``encoder`` of a config file, e.g.
configs/training/memory_talk2dino_coco.py; ``--cfg-options`` changes any setting. ``medoids`` in the config
keeps so many texts that stand for all others. The memory keeps how many texts every row stands for, and what it was
made of. Embeddings wait in ``OUT.safetensors.partial``: the same command goes on where a stopped one was.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from mmengine.config import Config, DictAction
from mmengine.device import get_device
from rich.progress import Progress

from mmpatchioner.checkpoints import CheckpointError
from mmpatchioner.checkpoints.conversion import sha256_of
from mmpatchioner.datasets import TextCorpus
from mmpatchioner.datasets.readers import resolve_path
from mmpatchioner.models.bridges.memory_building import build_memory
from mmpatchioner.models.text_encoders import build_text_encoder
from mmpatchioner.version import __version__

_USAGE_ERROR = 2
_INTERRUPTED = 130


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


def paths(value: object) -> Iterator[str]:
    """Every file that the settings of a corpus name."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == 'path':
                yield inner
            else:
                yield from paths(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from paths(inner)


def provenance(corpus: dict) -> dict[str, str]:
    """What a memory is made of, as strings for its metadata."""
    files = [resolve_path(path) for path in sorted(set(paths(corpus)))]
    return {
        'corpus': repr(without_folders(corpus)),
        'corpus_files': json.dumps(
            [
                {'name': file.name, 'bytes': file.stat().st_size, 'sha256': sha256_of(file)}
                for file in files
            ]
        ),
        'mmpatchioner': __version__,
    }


def build(cfg: Config, args: argparse.Namespace) -> None:
    """Encode the corpus chunk by chunk and write the memory."""
    corpus = TextCorpus(**cfg.corpus)
    metadata = provenance(cfg.corpus.to_dict())
    encoder = build_text_encoder(cfg.encoder, args.device or get_device())
    with Progress(transient=True) as progress:
        task = progress.add_task(f'Embedding {len(corpus):,} texts', total=len(corpus))
        rows = build_memory(
            args.out,
            corpus.texts,
            encoder,
            counts=[entry.count for entry in corpus.entries],
            medoids=cfg.get('medoids'),
            dtype=args.dtype,
            keep_texts=not args.no_texts,
            metadata=metadata,
            batch_size=args.batch_size,
            on_rows=lambda done: progress.update(task, completed=done),
        )
    size_mb = Path(args.out).stat().st_size / 1e6
    print(
        f'{args.out}: {rows:,} x {encoder.embed_dims} {args.dtype}, space {encoder.space}, {size_mb:,.1f} MB'
    )


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    try:
        if not args.out.endswith('.safetensors'):
            raise ValueError(f'{args.out}: expected a name that ends with .safetensors')
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
    except KeyboardInterrupt:
        print('build_memory.py: stopped; the same command goes on from here', file=sys.stderr)
        return _INTERRUPTED
    return 0


if __name__ == '__main__':
    sys.exit(main())
