"""Weights for inference at the end of a training."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from mmpatchioner.checkpoints import resolve_file, save_safetensors
from mmpatchioner.registry import HOOKS
from mmpatchioner.version import __version__


@HOOKS.register_module()
class ExportHook(Hook):
    """Writes what the trainer exports as safetensors when the training is complete.

    Every file carries as metadata what the trainer tells (its space among it), the SHA-256 of the config, the number
    of iterations, and the versions of the project and of torch.

    Args:
        out_dir: Folder, relative to the work directory.
    """

    priority = 'VERY_LOW'

    def __init__(self, out_dir: str = 'export') -> None:
        self.out_dir = out_dir

    @master_only
    def after_train(self, runner: Runner) -> None:
        """Write ``<work_dir>/<out_dir>/<name>.safetensors`` and the files that belong to it."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        provenance = {
            'config_sha256': hashlib.sha256(runner.cfg.pretty_text.encode()).hexdigest(),
            'iterations': str(runner.iter),
            'mmpatchioner': __version__,
            'torch': torch.__version__,
        }
        for weights in model.exports():
            path = Path(runner.work_dir) / self.out_dir / f'{weights.name}.safetensors'
            save_safetensors(weights.tensors, path, {**provenance, **weights.metadata})
            for name, source in weights.companions.items():
                (path.parent / name).write_bytes(resolve_file(source).read_bytes())
            print_log(f'Exported {path}', logger='current')
