"""Random numbers that do not depend on where a training was stopped."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmpatchioner.registry import HOOKS


@HOOKS.register_module()
class StepSeedHook(Hook):
    """Seeds torch before every step from the run's seed, the process and the number of the step.

    Dropout, noise and the choice of texts and patches of a step are then the same in a run that was resumed and in one
    that never stopped, on any number of resumptions, without states of generators in the checkpoint.
    """

    priority = 'VERY_HIGH'

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Seed the step ``runner.iter``."""
        entropy = np.random.SeedSequence([runner.seed, get_rank(), runner.iter])
        torch.manual_seed(int(entropy.generate_state(1, np.uint64)[0]))
