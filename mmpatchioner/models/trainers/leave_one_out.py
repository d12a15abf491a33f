"""The memory projection of a text that is itself in the memory."""

from __future__ import annotations

import torch
from mmengine.model import BaseModule
from torch import Tensor
from torch.nn import functional as F

from mmpatchioner.checkpoints.memory_file import load_memory
from mmpatchioner.registry import MODELS


@MODELS.register_module()
class LeaveOneOutBridge(BaseModule):
    """Memory projection for training: rows that equal the input are left out.

    At test time an image is projected on the texts of the memory and never hits one exactly. A training text that is
    in the memory would: the softmax would return the text itself, and the decoder would never see what it gets later.
    ``a = softmax(cos(z, m) / temperature)`` over the other rows, ``u = a M``, ``u / |u|`` (paper, Eq. 2 and 3).

    Args:
        memory: Memory file (safetensors).
        temperature: Of the softmax; 0.01 in the published runs.
        rows: ``'raw'`` mixes the rows with their lengths, ``'unit'`` without; as at test time.
        exclude_above: Rows of at least this cosine with the input's clean embedding are taken as the same text.
        leave_out: Share of the inputs whose own rows are left out; at test time some image will be described word for
            word by a text of the memory.
        prior: As of the :class:`MemoryBridge` at test time.
    """

    embeddings: Tensor
    norms: Tensor
    log_prior: Tensor

    def __init__(
        self,
        memory: str,
        temperature: float = 0.01,
        rows: str = 'raw',
        exclude_above: float = 0.999,
        leave_out: float = 1.0,
        prior: str = 'uniform',
    ) -> None:
        super().__init__()
        if rows not in ('raw', 'unit'):
            raise ValueError(f"bridge.rows: expected 'raw' or 'unit', got {rows!r}.")
        if temperature <= 0:
            raise ValueError(f'bridge.temperature: expected a positive number, got {temperature}.')
        if not 0 <= leave_out <= 1:
            raise ValueError(f'bridge.leave_out: expected a share in [0, 1], got {leave_out}.')
        bank = load_memory(memory)
        if prior not in ('uniform', 'counts') or (prior == 'counts' and bank.counts is None):
            raise ValueError(
                f"bridge.prior: expected 'uniform', or 'counts' with a memory that has them, got {prior!r}."
            )
        self.register_buffer('embeddings', bank.embeddings.float(), persistent=False)
        norms = bank.norms if rows == 'raw' else torch.ones_like(bank.norms)
        self.register_buffer('norms', norms.float(), persistent=False)
        counts = bank.counts if prior == 'counts' and bank.counts is not None else torch.ones(1)
        log_prior = counts.log().expand(len(bank))
        self.register_buffer('log_prior', log_prior, persistent=False)
        self.temperature = temperature
        self.exclude_above = exclude_above
        self.leave_out = leave_out

    def forward(self, embeddings: Tensor, clean: Tensor) -> Tensor:
        """Project.

        Args:
            embeddings: (B, D) unit vectors to project, noise included.
            clean: (B, D) the unit vectors without noise, which tell the rows to leave out.

        Returns:
            (B, D) unit vectors.
        """
        same = clean @ self.embeddings.T >= self.exclude_above  # (B, M)
        if self.leave_out < 1:
            same &= torch.rand(len(clean), 1, device=clean.device) < self.leave_out
        logits = embeddings @ self.embeddings.T / self.temperature + self.log_prior
        # A text whose copies are the whole memory keeps them: there is nothing else to project on.
        same &= ~same.all(dim=1, keepdim=True)
        weights = logits.masked_fill(same, float('-inf')).softmax(dim=1)
        return F.normalize((weights * self.norms) @ self.embeddings, dim=-1)
