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
    """

    name: str
    tensors: dict[str, Tensor]
    metadata: dict[str, str] = field(default_factory=dict)
