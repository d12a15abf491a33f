"""Folders laid out as the published repositories, with networks of few dimensions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
import yaml
from torch import Tensor, nn
from transformers import GPT2Config, GPT2LMHeadModel

from mmpatchioner.checkpoints.prompt_networks import MappingTransformer

WIDTH = 32
CAPTIONS = ['a dog runs', 'two red bikes on grass', 'a man rides a wave', 'a blue car']


def write_repository(folder: Path, system: str, **changes: object) -> Path:
    """Write ``config.yaml`` and the files it names; ``changes`` are other settings, None takes one away."""
    folder.mkdir(parents=True, exist_ok=True)
    repository = f'Ruggero1912/Patch-ioner_talk2dino_{system}_COCO_Captions'
    settings = {
        'prefix_size': WIDTH,
        'support_memory_size': 6 if system == 'decap' else 0,
        'projection_type': '/somewhere/dataset_coco.json',
        'dino_model': 'dinov2_vitb14_reg',
        'normalize': True,
        'resize_dim': 518,
        'crop_dim': 518,
        'hf_repo_id': repository,
    }
    if system in ('decap', 'capdec'):
        settings['decap_weights'] = '/somewhere/weights/coco_karpathy-009.pt'
        torch.save(published_decoder(), folder / 'coco_karpathy-009.pt')
    else:
        settings['viecap'] = {
            'weight_path': '/somewhere/train_coco_t2d_B16/coco_prefix-0014.pt',
            'hf_repo_id': repository,
            'name_of_entities_text': 'coco_entities',
            'top_k': 2,
            'threshold': 0.4,
        }
        torch.save(published_viecap(), folder / 'coco_prefix-0014.pt')
    if system == 'decap':
        write_memory(folder / 'coco_captions_text_embeddings-B16-ViT-B.16-6.h5')
    if system == 'meacap':
        meacap = {'memory_id': 'coco_B16_t2d', 'hf_repo_id': repository}
        settings['viecap'] |= {'meacap': meacap}
        memory = folder / 'memory' / 'coco_B16_t2d'
        memory.mkdir(parents=True)
        (memory / 'memory_captions.json').write_text(json.dumps(CAPTIONS))
        rows = torch.randn(4, WIDTH, generator=torch.Generator().manual_seed(0))
        torch.save(6 * rows, memory / 'memory_clip_embeddings.pt')
        torch.save(torch.zeros(4, 384), memory / 'memory_wte_embeddings.pt')
    settings |= changes
    kept = {key: value for key, value in settings.items() if value is not None}
    (folder / 'config.yaml').write_text(yaml.safe_dump(kept))
    return folder


def published_viecap() -> dict[str, Tensor]:
    """The state dict of a ViECap decoder with random weights of 48 dimensions, which 12 and 8 heads divide."""
    torch.manual_seed(0)
    sizes = dict(vocab_size=320, n_positions=128, n_embd=48, n_layer=12, n_head=12)
    model = GPT2LMHeadModel(GPT2Config(**sizes)).state_dict()
    state = {f'gpt.{name}': tensor.clone() for name, tensor in model.items()}
    shapes = MappingTransformer('mapping_network.', 'soft_prompt.').shapes(WIDTH, 48, 3, 3)
    return state | {name: 0.2 * torch.randn(shape) for name, shape in shapes.items()}


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
