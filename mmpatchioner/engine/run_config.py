"""Configs of runs, as the command line names and changes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import init_dist


class ConfigError(Exception):
    """The config or a command line argument cannot be used."""


def read_run_config(
    path: str | Path,
    needed: Sequence[str],
    purpose: str,
    options: Mapping[str, Any] | None = None,
    work_dir: str | Path | None = None,
    launcher: str = 'none',
) -> Config:
    """Read the config of a run.

    Args:
        path: The config file.
        needed: Entries that it must have.
        purpose: What it must be, e.g. ``'training'``, for the error.
        options: Settings to change, by dotted name.
        work_dir: Folder of logs and checkpoints; None takes the config's, else ``work_dirs/<name of the config>``.
        launcher: How the processes were started, as mmengine calls it.

    Raises:
        ConfigError: if it cannot be read, lacks an entry, or an option cannot be applied.
    """
    if not Path(path).is_file():
        raise ConfigError(f'{path}: no such config file')
    try:
        cfg = Config.fromfile(path)
        cfg.merge_from_dict(dict(options or {}))
    except Exception as error:  # a config is Python code: anything may go wrong in it
        raise ConfigError(f'{path}: {type(error).__name__}: {error}') from error
    missing = [key for key in needed if cfg.get(key) is None]
    if missing:
        raise ConfigError(f'{path}: not a {purpose} config, it lacks {", ".join(missing)}')
    cfg.launcher = launcher
    cfg.work_dir = str(work_dir or cfg.get('work_dir') or f'work_dirs/{Path(path).stem}')
    return cfg


def join_processes(cfg: Config) -> None:
    """Join the processes of a distributed run, with a branch for CPUs, which mmengine lacks."""
    if cfg.launcher == 'pytorch' and get_device() == 'cpu':
        torch.distributed.init_process_group('gloo')
        cfg.model_wrapper_cfg = dict(type='MMDistributedDataParallel', device_ids=None)
    elif cfg.launcher != 'none':
        init_dist(cfg.launcher, **cfg.env_cfg.dist_cfg)


def leave_processes() -> None:
    """Leave a distributed run, if this is one."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
