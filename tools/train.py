#!/usr/bin/env python
"""Train a decoder or an alignment: ``python tools/train.py CONFIG [--work-dir DIR] [--resume] [--amp]``.

Runs on whatever device torch finds; on several with
``torchrun --nproc-per-node N tools/train.py CONFIG --launcher pytorch``.
Ends with status 2 and one line if the config, a file that it names, or a checkpoint cannot be used.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from mmengine.config import Config, DictAction
from mmengine.device import get_device
from mmengine.runner import Runner

from mmpatchioner.checkpoints import CheckpointError
from mmpatchioner.engine import (
    ConfigError,
    find_checkpoint,
    join_processes,
    leave_processes,
    read_run_config,
    train_tokenizer,
    use_safe_loading,
)

_USAGE_ERROR = 2
_NEEDED = ('model', 'train_dataloader', 'train_cfg', 'optim_wrapper')


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0].split(':')[0])
    parser.add_argument('config', help='training config, e.g. configs/training/decoder_tiny.py')
    parser.add_argument('--work-dir', help='folder of logs and checkpoints')
    parser.add_argument('--amp', action='store_true', help='automatic mixed precision')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        help='go on from the given checkpoint, or without a value from the last one in the work directory',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='settings of the config to change, e.g. train_cfg.max_iters=100',
    )
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')
    # torch.distributed.launch passes --local-rank; torchrun sets the environment variable.
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    args = parser.parse_args(argv)
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


def load_config(args: argparse.Namespace) -> Config:
    """The config with the command line's changes.

    Raises:
        ConfigError: if it cannot be read, is no training config, or an option cannot be applied.
    """
    cfg = read_run_config(
        args.config, _NEEDED, 'training', args.cfg_options, args.work_dir, args.launcher
    )
    if args.amp:
        if get_device() in ('cpu', 'mps'):
            raise ConfigError('--amp: mixed precision needs an accelerator, this machine has none')
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
        cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')
    if args.resume:
        resume_from = find_checkpoint(cfg.work_dir) if args.resume == 'auto' else args.resume
        if resume_from is not None and not Path(resume_from).is_file():
            raise ConfigError(f'--resume {resume_from}: no such checkpoint')
        if resume_from is not None:
            cfg.resume, cfg.load_from = True, resume_from
    return cfg


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    try:
        use_safe_loading()
        cfg = load_config(args)
        join_processes(cfg)
        Runner.from_cfg(train_tokenizer(cfg)).train()
    except (ConfigError, CheckpointError, FileNotFoundError) as error:
        print(f'train.py: error: {error}', file=sys.stderr)
        return _USAGE_ERROR
    finally:
        leave_processes()
    return 0


if __name__ == '__main__':
    sys.exit(main())
