#!/usr/bin/env python
"""Evaluate a captioner on a dataset: ``python tools/test.py CONFIG [CHECKPOINT] [--out PREDICTIONS.jsonl]``.

Any task and protocol: the config's dataset and metric decide. Scores are printed, and written to
``WORK_DIR/scores.json``. Runs on whatever device torch finds; on several with
``torchrun --nproc-per-node N tools/test.py CONFIG --launcher pytorch``.
Ends with status 2 and one line if the config, a file that it names, or a checkpoint cannot be used.
"""

from __future__ import annotations

import argparse
import inspect
import os
import sys
import time
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config, DictAction
from mmengine.device import get_device
from mmengine.dist import is_main_process
from mmengine.evaluator import Evaluator
from mmengine.registry import DefaultScope
from mmengine.runner import Runner

from mmpatchioner.apis import InputError
from mmpatchioner.apis.building import build_captioner, join_detector
from mmpatchioner.apis.published import is_published, use_published
from mmpatchioner.checkpoints import CheckpointError
from mmpatchioner.checkpoints.published import PUBLISHED
from mmpatchioner.datasets.annotations import AnnotationError
from mmpatchioner.engine import ConfigError, join_processes, leave_processes, read_run_config
from mmpatchioner.engine.fingerprint import run_fingerprint
from mmpatchioner.evaluation.functional.rows import RowError
from mmpatchioner.evaluation.metrics import CaptionMetric
from mmpatchioner.evaluation.report import print_report, write_report
from mmpatchioner.evaluation.row_file import RowFileError
from mmpatchioner.registry import METRICS, MODELS

_USAGE_ERROR = 2
_NEEDED = ('model', 'test_dataloader', 'test_evaluator', 'test_cfg')


class EvaluationRunner(Runner):
    """A runner whose processes have nothing to tell each other while they caption."""

    def wrap_model(self, model_wrapper_cfg: dict | None, model: torch.nn.Module) -> torch.nn.Module:
        """The model itself on its device."""
        return model.to(get_device())


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0].split(':')[0])
    parser.add_argument('config', help='e.g. configs/mini/mini_flickr8k-val_image.py')
    parser.add_argument(
        'checkpoint',
        nargs='?',
        help='weights of the whole model, or a published checkpoint by its name or folder, e.g. '
        'talk2dino-decap-coco; else the parts of the model name theirs',
    )
    parser.add_argument('--work-dir', help='folder of the log and of scores.json')
    parser.add_argument('--out', help='file of the captions, JSON lines, written batch by batch')
    parser.add_argument(
        '--resume-eval',
        action='store_true',
        help='go on with the --out file of an evaluation of the same config that was stopped',
    )
    parser.add_argument('--show-dir', help='folder to draw the images with their captions in')
    parser.add_argument(
        '--compat',
        choices=['paper', 'official'],
        help='do as the paper says, or as the released code does where it differs',
    )
    parser.add_argument(
        '--detector', help='config or mmdet name of a detector that finds the boxes'
    )
    parser.add_argument('--detector-weights', help='its checkpoint, a path or URL')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='settings of the config to change, e.g. test_evaluator.variant=lua',
    )
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')
    # torch.distributed.launch passes --local-rank; torchrun sets the environment variable.
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    args = parser.parse_args(argv)
    if args.resume_eval and not args.out:
        parser.error('--resume-eval needs --out, the file to go on with')
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


def load_config(args: argparse.Namespace) -> Config:
    """The config with the command line's changes, and with its detector attached.

    Raises:
        ConfigError: if it cannot be read, is no test config, or an option cannot be applied.
        InputError: if its detector cannot be found.
        CheckpointError: if the checkpoint does not exist; or a published one is not within reach, or of another system.
    """
    cfg = read_run_config(
        args.config, _NEEDED, 'test', args.cfg_options, args.work_dir, args.launcher
    )
    if is_published(args.checkpoint):
        use_published(cfg, args.checkpoint)
        args.checkpoint = None  # the parts name their files now
    elif args.checkpoint and '://' not in args.checkpoint and not Path(args.checkpoint).is_file():
        raise CheckpointError(
            f'{args.checkpoint}: expected a file of weights, a URL, a published checkpoint ({", ".join(PUBLISHED)}) '
            'or a folder with the files of one, config.yaml among them; there is none of these.'
        )
    cfg, _ = join_detector(cfg, args.detector)
    if args.compat:
        set_compat(cfg.model, args.compat)
    if args.show_dir:
        cfg.visualizer = dict(type='mmpatchioner.RegionCaptionVisualizer')
        cfg.default_hooks = {
            **cfg.get('default_hooks', {}),
            'visualization': dict(
                type='mmdet.DetVisualizationHook',
                draw=True,
                score_thr=0.0,
                test_out_dir=str(Path(args.show_dir).resolve()),
            ),
        }
    return cfg


def set_compat(part: Any, compat: str) -> None:
    """Set ``compat`` of every part of a model's config that knows it: head, neck, hard prompt."""
    if isinstance(part, dict):
        kind = part.get('type')
        kind = MODELS.get(kind) if isinstance(kind, str) else kind
        if kind is not None and 'compat' in inspect.signature(kind).parameters:
            part['compat'] = compat
        for value in part.values():
            set_compat(value, compat)


def build_metric(cfg: Config, args: argparse.Namespace, fingerprint: str) -> CaptionMetric:
    """The metric of the config, with its file.

    Raises:
        ConfigError: if the config has another number of metrics, or one of another kind.
        RowFileError: if the file cannot be gone on with.
    """
    entry = cfg.test_evaluator
    if isinstance(entry, (list, tuple)) and len(entry) == 1:
        entry = entry[0]
    if not isinstance(entry, dict):
        raise ConfigError(f'test_evaluator: expected one caption metric, got {entry!r}')
    kind = METRICS.get(entry['type']) if isinstance(entry['type'], str) else entry['type']
    if kind is None or not issubclass(kind, CaptionMetric):
        raise ConfigError(
            f"test_evaluator: expected one of mmpatchioner's caption metrics, got {entry['type']}"
        )
    return METRICS.build(
        dict(
            entry,
            out_file=args.out,
            resume=args.resume_eval,
            fingerprint=fingerprint,
            batch_size=cfg.test_dataloader.batch_size,
        )
    )


def evaluate(cfg: Config, args: argparse.Namespace) -> tuple[CaptionMetric, float]:
    """Caption the dataset and score the captions.

    Returns:
        The metric with its report, and the seconds that the captions took.
    """
    weights = (args.checkpoint, args.detector_weights)
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope') or 'mmdet'):
        metric = build_metric(cfg, args, run_fingerprint(cfg, weights))
    cfg.test_dataloader.sampler = dict(
        type='mmpatchioner.EvaluationSampler', skip=len(metric.results)
    )
    model = build_captioner(cfg, torch.device(get_device()), *weights)
    settings = {
        name: cfg.get(name)
        for name in ('default_hooks', 'env_cfg', 'randomness', 'visualizer', 'log_processor')
        if cfg.get(name) is not None
    }
    runner = EvaluationRunner(
        model=model,
        work_dir=cfg.work_dir,
        test_dataloader=cfg.test_dataloader,
        test_cfg=cfg.test_cfg,
        test_evaluator=Evaluator([metric]),
        launcher=cfg.launcher,
        default_scope=cfg.get('default_scope') or 'mmdet',
        log_level=cfg.get('log_level', 'INFO'),
        cfg=cfg,
        **settings,
    )
    start = time.perf_counter()
    runner.test()
    return metric, time.perf_counter() - start


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    try:
        cfg = load_config(args)
        join_processes(cfg)
        metric, seconds = evaluate(cfg, args)
        if is_main_process() and metric.report is not None:
            print_report(metric.report)
            path = Path(cfg.work_dir, 'scores.json')
            write_report(metric.report, path, config=args.config, seconds=round(seconds, 1))
            print(f'Scores: {path}' + (f', captions: {args.out}' if args.out else ''))
    except (
        AnnotationError,
        CheckpointError,
        ConfigError,
        FileNotFoundError,
        InputError,
        RowError,
        RowFileError,
    ) as error:
        print(f'test.py: error: {error}', file=sys.stderr)
        return _USAGE_ERROR
    finally:
        leave_processes()
    return 0


if __name__ == '__main__':
    sys.exit(main())
