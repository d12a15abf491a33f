"""What training needs beside the models: safe and exact resuming, hooks."""

from mmpatchioner.engine.checkpoint_hook import AtomicCheckpointHook, find_checkpoint
from mmpatchioner.engine.export_hook import ExportHook
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
    'ExportHook',
    'StepSeedHook',
    'UnsafeCheckpointError',
    'WhiteningHook',
    'find_checkpoint',
    'load_training_checkpoint',
    'train_tokenizer',
    'use_safe_loading',
]
