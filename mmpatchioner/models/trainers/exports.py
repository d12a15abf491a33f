"""What a trainer hands over when training ends."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True, eq=False)
class ExportedWeights:
    """One file of weights for inference.

    Attributes:
        name: Stem of the file, e.g. ``decoder``.
        tensors: The weights.
        metadata: What a reader must know, e.g. the space that the weights belong to.
        companions: Files that the weights are of no use without, name to path, e.g. ``tokenizer.json``.
    """

    name: str
    tensors: dict[str, Tensor]
    metadata: dict[str, str] = field(default_factory=dict)
    companions: dict[str, str] = field(default_factory=dict)
