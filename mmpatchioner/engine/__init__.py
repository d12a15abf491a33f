"""What runs need beside the models: configs, processes, safe and exact resuming, hooks."""

from mmpatchioner.engine.checkpoint_hook import AtomicCheckpointHook, find_checkpoint
from mmpatchioner.engine.export_hook import ExportHook
from mmpatchioner.engine.run_config import (
    ConfigError,
    join_processes,
    leave_processes,
    read_run_config,
)
from mmpatchioner.engine.safe_loading import (
    UnsafeCheckpointError,
    load_training_checkpoint,
    use_safe_loading,
)
from mmpatchioner.engine.step_seed_hook import StepSeedHook
from mmpatchioner.engine.tokenizer_training import train_tokenizer
from mmpatchioner.engine.whitening_hook import WhiteningHook

__all__ = [
    'AtomicCheckpointHook',
    'ConfigError',
    'ExportHook',
    'StepSeedHook',
    'UnsafeCheckpointError',
    'WhiteningHook',
    'find_checkpoint',
    'join_processes',
    'leave_processes',
    'load_training_checkpoint',
    'read_run_config',
    'train_tokenizer',
    'use_safe_loading',
]
