"""What every text encoder offers, and how one is built outside a runner."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmpatchioner.registry import MODELS


class TextEncoder(BaseModule, ABC):
    """Frozen map from sentences to vectors.

    Attributes:
        embed_dims: Width of the vectors.
        space: Name of the vector space. Memories, decoders and features may be combined if their names agree.
    """

    embed_dims: int
    space: str

    @abstractmethod
    def encode_batch(self, texts: list[str]) -> Tensor:
        """Encode one batch of sentences, at least one, to (n, D) fp32."""

    @abstractmethod
    def settings(self) -> dict[str, object]:
        """Everything beside the weights that changes an embedding; part of :meth:`fingerprint`."""

    @torch.no_grad()
    def encode(self, texts: Sequence[str], batch_size: int = 64) -> Tensor:
        """Encode sentences.

        Sentences of similar length share a batch, which saves most of the padding; the order of the result is that
        of the input.

        Args:
            texts: The sentences; none is legal.
            batch_size: Sentences in one forward pass.

        Returns:
            (n, D) fp32, on the device of the weights.

        Raises:
            TypeError: if ``texts`` is one string, or holds something else than strings.
            ValueError: if ``batch_size`` is not positive.
        """
        if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
            raise TypeError(
                'texts: expected a list of strings, got something else; write [text] for one sentence.'
            )
        if batch_size < 1:
            raise ValueError(f'batch_size: expected at least 1, got {batch_size}.')
        device = self.device
        result = torch.empty(len(texts), self.embed_dims, device=device)
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]), reverse=True)
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            result[torch.tensor(rows, device=device)] = self.encode_batch(
                [texts[row] for row in rows]
            ).float()
        return result

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def fingerprint(self) -> str:
        """Hash of class, settings and every weight: equal exactly when the embeddings are.

        Returns:
            A hexadecimal SHA-256, the same on every machine.
        """
        digest = hashlib.sha256(f'{type(self).__name__} {sorted(self.settings().items())}'.encode())
        digest.update(hash_weights(self).encode())
        return digest.hexdigest()

    def train(self, mode: bool = True) -> TextEncoder:
        """Stay in evaluation mode: a text encoder is frozen in every use."""
        super().train(False)
        return self


def hash_weights(module: nn.Module) -> str:
    """Hexadecimal SHA-256 of names, shapes and values of a module's state dict."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f'{name} {tensor.dtype} {tuple(tensor.shape)}'.encode())
        raw = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        digest.update(raw.numpy().tobytes())
    return digest.hexdigest()


def build_text_encoder(cfg: dict, device: str | torch.device = 'cpu') -> TextEncoder:
    """Build a text encoder with its weights, ready to encode.

    Args:
        cfg: Config of the encoder, e.g. ``dict(type='mmpatchioner.SentenceTextEncoder', model='minilm')``.
        device: Where it shall run.

    Raises:
        TypeError: if the config builds something else.
    """
    encoder = MODELS.build(cfg)
    if not isinstance(encoder, TextEncoder):
        raise TypeError(
            f'encoder: expected the config of a TextEncoder, got one of {type(encoder).__name__}.'
        )
    encoder.init_weights()
    encoder.requires_grad_(False)
    return encoder.to(device).eval()
