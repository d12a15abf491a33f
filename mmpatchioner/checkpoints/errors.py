"""The error of everything that reads or writes weights."""

from __future__ import annotations


class CheckpointError(ValueError):
    """A file of weights is missing, unsafe, damaged, or belongs to something else."""
