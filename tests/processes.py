"""Functions run by several processes at once, as ranks of a gloo group."""

from __future__ import annotations

import os
import time

import pytest
import torch
from torch import multiprocessing
from torch.distributed import barrier, init_process_group

_PATIENCE = 300  # seconds; a starved machine needs many


def run_ranks(work, folder, *arguments, count=2):
    """Call ``work(rank, folder, *arguments)`` in processes; those that hang are killed and fail the test."""
    ranks = multiprocessing.spawn(
        _rank, args=(count, work, folder, *arguments), nprocs=count, join=False
    )
    deadline = time.monotonic() + _PATIENCE
    while not ranks.join(timeout=1):
        if time.monotonic() > deadline:
            for process in ranks.processes:
                process.kill()
            pytest.fail(f'the processes did not end within {_PATIENCE} s')


def _rank(rank, count, work, folder, *arguments):
    torch.set_num_threads(1)
    init_process_group('gloo', f'file://{folder}/store', rank=rank, world_size=count)
    work(rank, folder, *arguments)
    barrier()
    # Once in a while torch's gloo threads never end when a process takes them down; this one has nothing left to do.
    os._exit(0)
