#!/usr/bin/env python
"""Measure and draw the gap between texts and patches, before and after each strategy against it.

``python tools/analysis_tools/modality_gap.py configs/mini/mini_flickr8k-val_image.py --out-dir gap`` compares what the
captioner pools from the dataset's regions with the texts of its memory. ``--memory-sizes`` and ``--temperatures``
caption the regions with each and score them; ``--decoders`` does so with decoders that were trained with noise, without
a memory. ``--encoder`` measures each region against its own references and keeps the statistics of the gap, which
GapNoise draws from.
Ends with status 2 and one line if a file cannot be used.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import itertools
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from mmpatchioner.apis import InputError
from mmpatchioner.apis.building import build_captioner, choose_device
from mmpatchioner.checkpoints import CheckpointError, Memory
from mmpatchioner.checkpoints.loading import load_state_dict, load_strict
from mmpatchioner.datasets.annotations import AnnotationError
from mmpatchioner.engine import ConfigError, read_run_config
from mmpatchioner.evaluation.functional.caption_scores import caption_scores
from mmpatchioner.evaluation.functional.modality_gap import ModalityGap, modality_gap
from mmpatchioner.files import write_atomic
from mmpatchioner.models.bridges import (
    GapStatistics,
    GaussianNoise,
    IdentityBridge,
    MemoryBridge,
)
from mmpatchioner.models.heads.region_rows import RegionRows
from mmpatchioner.models.text_encoders import TextEncoder, build_text_encoder
from mmpatchioner.visualization.gap_plot import save_gap_plot

_USAGE_ERROR = 2


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', help='test config of a captioner with a memory')
    parser.add_argument('--out-dir', type=Path, required=True, help='folder of gap.png, gap.json')
    parser.add_argument('--texts', type=int, default=2000, help='texts of the memory to compare')
    parser.add_argument('--noise', type=float, nargs='*', default=[0.02, 0.04, 0.08],
                        help='standard deviations of the noise on the texts, per dimension')  # fmt: skip
    parser.add_argument('--memory-sizes', type=int, nargs='*', default=[], help='rows to keep')
    parser.add_argument('--temperatures', type=float, nargs='*', default=[], help='of the memory')
    parser.add_argument('--decoders', nargs='*', default=[], metavar='NAME=FILE',
                        help='decoders without a memory, to caption with')  # fmt: skip
    parser.add_argument('--encoder', metavar='CONFIG',
                        help='config with the text encoder of the memory, e.g. that which built it; '
                        'writes gap.safetensors')  # fmt: skip
    parser.add_argument('--device', help='default: the best there is')
    return parser.parse_args(argv)


def build_loader(cfg: Config) -> DataLoader:
    """The loader of the annotated images."""
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope') or 'mmdet'):
        return Runner.build_dataloader(cfg.test_dataloader)


def memory_of(captioner: Any, whole_images: bool) -> MemoryBridge:
    """The bridge that the regions go over.

    Raises:
        ConfigError: if the captioner has no memory.
    """
    head = captioner.caption_head
    bridge = head.image_bridge if whole_images and head.image_bridge is not None else head.bridge
    if not isinstance(bridge, MemoryBridge):
        raise ConfigError('caption_head.bridge: expected a MemoryBridge, whose rows are the texts')
    return bridge


@torch.no_grad()
def pooled_regions(captioner: Any, loader: DataLoader) -> tuple[Tensor, list[list[str]]]:
    """Vectors (R, D) of the annotated regions, and their references."""
    vectors, references = [], []
    for batch in track(loader, description='Patches'):
        data = captioner.data_preprocessor(batch)
        feats, samples = captioner.extract_feat(data['patch_inputs']), data['data_samples']
        rows = [RegionRows.from_entries(sample.regions) for sample in samples]
        vectors += captioner.caption_head.pool(feats, rows, samples)
        references += [region['captions'] for sample in samples for region in sample.gt_regions]
    return torch.cat(vectors), references


def measure_gaps(
    vectors: Tensor, bridge: MemoryBridge, args: argparse.Namespace
) -> dict[str, tuple[np.ndarray, np.ndarray, ModalityGap]]:
    """The gap as it is, after projection on the memory, and with noise on the texts."""
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(bridge.unit_rows), generator=generator)[: args.texts]
    texts = F.normalize(bridge.unit_rows[order].float().cpu(), dim=1)
    images = F.normalize(vectors.cpu(), dim=1)
    pairs = {
        'as it is': (images, texts),
        'memory': (F.normalize(bridge(vectors).cpu(), dim=1), texts),
    }
    torch.manual_seed(0)
    for std in args.noise:
        pairs[f'noise {std:g}'] = (images, GaussianNoise(std)(texts))
    arrays = {name: (a.double().numpy(), b.double().numpy()) for name, (a, b) in pairs.items()}
    return {name: (a, b, modality_gap(a, b)) for name, (a, b) in arrays.items()}


def read_encoder(config: str, device: torch.device, space: str | None) -> TextEncoder:
    """The text encoder of a config.

    Raises:
        ConfigError: if it has none, or one of another space than the memory's.
    """
    cfg = read_run_config(config, ['encoder'], 'text encoder')
    encoder = build_text_encoder(cfg.encoder, device)
    if space and encoder.space != space:
        raise ConfigError(
            f'{config}: encoder: expected one of the space of the memory, {space!r}, got {encoder.space!r}'
        )
    return encoder


def read_decoders(entries: Sequence[str], like: Any) -> dict[str, Any]:
    """Decoders of the build of another one, by their names.

    Raises:
        ConfigError: if one is not given as NAME=FILE.
        CheckpointError: if its file does not fit.
    """
    decoders = {}
    for entry in entries:
        name, separator, file = entry.partition('=')
        if not separator:
            raise ConfigError(f'--decoders {entry}: expected NAME=FILE')
        decoders[name] = copy.deepcopy(like)
        load_strict(decoders[name], load_state_dict(Path(file)), file)
    return decoders


def statistics_of(
    vectors: Tensor, references: Sequence[list[str]], encoder: TextEncoder
) -> GapStatistics:
    """Statistics of regions (R, D) and their references."""
    texts = encoder.encode([text for own in references for text in own])
    counts = torch.tensor([len(own) for own in references], device=vectors.device)
    images = vectors.repeat_interleave(counts, dim=0)
    return GapStatistics.from_pairs(images.cpu(), texts.cpu(), encoder.space)


def part_of(bridge: MemoryBridge, size: int, temperature: float) -> MemoryBridge:
    """A bridge over the first ``size`` rows of a memory in a random order that is always the same."""
    order = torch.randperm(len(bridge.unit_rows), generator=torch.Generator().manual_seed(0))
    rows = order[:size]
    counts = bridge.log_prior[rows].exp() if bridge.prior == 'counts' else None
    memory = Memory(bridge.unit_rows[rows], bridge.norms[rows], counts=counts)
    return MemoryBridge(
        memory, temperature, rows=bridge.rows, prior=bridge.prior, normalize=bridge.normalize
    ).to(bridge.unit_rows.device)


def settings_to_caption(
    captioner: Any, bridge: MemoryBridge, decoders: dict[str, Any], args: argparse.Namespace
) -> Iterator[tuple[str, nn.Module, Any]]:
    """Names, bridges and decoders of the settings that are asked for."""
    if args.memory_sizes or args.temperatures:
        sizes = args.memory_sizes or [len(bridge.unit_rows)]
        for size, temperature in itertools.product(
            sizes, args.temperatures or [bridge.temperature]
        ):
            rows = min(size, len(bridge.unit_rows))
            part = part_of(bridge, rows, temperature)
            yield f'memory {rows:,}, {temperature:g}', part, captioner.caption_head.decoder
    for name, decoder in decoders.items():
        yield f'no memory, {name}', IdentityBridge(), decoder


def score(
    captioner: Any,
    bridge: nn.Module,
    decoder: Any,
    vectors: Tensor,
    references: Sequence[list[str]],
) -> dict[str, float]:
    """Caption the vectors and score the captions."""
    bridged = bridge(vectors)
    texts: list[str] = []
    for chunk in bridged.split(captioner.caption_head.decode_batch):
        texts += decoder.generate(chunk).texts
    return caption_scores(texts, references, metrics=('bleu', 'cider')).scores


def report(gaps: dict[str, ModalityGap], scores: dict[str, dict[str, float]]) -> None:
    """Print both tables."""
    table = Table('texts and patches', 'distance', 'nearest text', 'text to text', 'told apart')
    for name, gap in gaps.items():
        table.add_row(
            name,
            *(f'{v:.3f}' for v in (gap.distance, gap.nearest_cosine, gap.text_cosine)),
            f'{100 * gap.separability:.1f} %',
        )
    Console().print(table)
    if scores:
        table = Table('captions', 'CIDEr', 'BLEU-4')
        for name, values in scores.items():
            table.add_row(name, f'{100 * values["CIDEr"]:.1f}', f'{100 * values["Bleu_4"]:.1f}')
        Console().print(table)


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    try:
        cfg = read_run_config(args.config, ['model', 'test_dataloader'], 'test')
        device = choose_device(args.device)
        captioner = build_captioner(cfg, device)
        # What can be wrong is read before the photos, which take minutes.
        loader = build_loader(cfg)
        bridge = memory_of(captioner, loader.dataset.metainfo.get('task') == 'image')
        encoder = read_encoder(args.encoder, device, bridge.space) if args.encoder else None
        decoders = read_decoders(args.decoders, captioner.caption_head.decoder)
        vectors, references = pooled_regions(captioner, loader)
        gaps = measure_gaps(vectors, bridge, args)
        scores = {
            name: score(captioner, bridge_of, decoder, vectors, references)
            for name, bridge_of, decoder in settings_to_caption(captioner, bridge, decoders, args)
        }
        statistics = None if encoder is None else statistics_of(vectors, references, encoder)
        args.out_dir.mkdir(parents=True, exist_ok=True)
        if statistics is not None:
            statistics.save(args.out_dir / 'gap.safetensors')
        save_gap_plot(gaps, args.out_dir / 'gap.png')
        measured = {name: gap for name, (_, _, gap) in gaps.items()}
        content = {
            'config': args.config,
            'gaps': {name: dataclasses.asdict(gap) for name, gap in measured.items()},
            'scores': scores,
        }
        write_atomic(args.out_dir / 'gap.json', json.dumps(content, indent=1).encode())
    except (AnnotationError, CheckpointError, ConfigError, FileNotFoundError, InputError) as error:
        print(f'modality_gap.py: error: {error}', file=sys.stderr)
        return _USAGE_ERROR
    report(measured, scores)
    print(f'Picture and numbers: {args.out_dir}/gap.png, {args.out_dir}/gap.json')
    return 0


if __name__ == '__main__':
    sys.exit(main())
