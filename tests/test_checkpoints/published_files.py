"""Folders laid out as the published repositories, with networks of few dimensions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import yaml
from torch import Tensor, nn
from transformers import GPT2Config, GPT2LMHeadModel

WIDTH = 32
CAPTIONS = ['a dog runs', 'two red bikes on grass', 'a man rides a wave', 'a blue car']


def write_repository(folder: Path, system: str, **changes: object) -> Path:
    """Write ``config.yaml`` and the files it names; ``changes`` are other settings, None takes one away."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        'decap_weights': '/somewhere/weights/coco_karpathy-009.pt',
        'prefix_size': WIDTH,
        'support_memory_size': 6 if system == 'decap' else 0,
        'projection_type': '/somewhere/dataset_coco.json',
        'dino_model': 'dinov2_vitb14_reg',
        'normalize': True,
        'resize_dim': 518,
        'crop_dim': 518,
        'hf_repo_id': f'Ruggero1912/Patch-ioner_talk2dino_{system}_COCO_Captions',
        **changes,
    }
    kept = {key: value for key, value in settings.items() if value is not None}
    (folder / 'config.yaml').write_text(yaml.safe_dump(kept))
    torch.save(published_decoder(), folder / 'coco_karpathy-009.pt')
    if system == 'decap':
        write_memory(folder / 'coco_captions_text_embeddings-B16-ViT-B.16-6.h5')
    return folder


def published_decoder(width: int = WIDTH) -> dict[str, Tensor]:
    """The state dict of a DeCap decoder with random weights, as transformers names it."""
    torch.manual_seed(0)
    sizes = dict(vocab_size=80, n_positions=32, n_embd=32, n_layer=4, n_head=4)
    module = nn.Module()
    module.decoder = GPT2LMHeadModel(GPT2Config(**sizes))
    module.clip_project = nn.Module()
    module.clip_project.model = nn.Sequential(nn.Linear(width, 32))
    for parameter in module.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


def write_memory(path: Path, width: int = WIDTH) -> None:
    """Four rows and two of zeros."""
    import h5py

    rows = np.zeros((6, width), np.float32)
    rows[:4] = 6 * np.random.default_rng(0).standard_normal((4, width))
    with h5py.File(path, 'w') as handle:
        handle.create_dataset('coco_captions-embeddings', data=rows)
        texts = [*CAPTIONS, '', '']
        handle.create_dataset('coco_captions-text', data=texts, dtype=h5py.string_dtype('utf-8'))
