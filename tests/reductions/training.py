"""What a training reads: eight captions of six small photos in place of every corpus, and memories of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from mmpatchioner.checkpoints import save_memory
from tests.commands import TOOLS
from tests.reductions import INPUT_SIZE, WIDTH, reduce_parts, reduces
from tests.test_engine.tiny_models import CAPTIONS, write_photos

_STEPS = 2


def reduce_training(cfg: Any, folder: Path) -> None:
    """Make the parts of a training config small, and the training short; in place."""
    reduce_parts(cfg._cfg_dict, folder)
    photos = folder / 'photos'
    listing = photos / 'captions.jsonl'
    if not listing.exists():
        write_photos(photos)
    corpus = dict(sources=dict(path=str(listing)), dedupe=False)
    for loader in (cfg.train_dataloader, cfg.get('val_dataloader')):
        if loader is None:
            continue
        loader.update(batch_size=4, num_workers=0)
        loader.pop('persistent_workers', None)
        if 'batch_size' in loader.sampler:
            loader.sampler.batch_size = 4
        loader.dataset.corpus = corpus
        loader.dataset.cache_dir = str(folder / 'cache')
        if 'image_root' in loader.dataset:
            loader.dataset.update(image_root=str(photos), image_template='{}', num_workers=0)
            loader.dataset.view.size = INPUT_SIZE
    if cfg.get('train_tokenizer'):
        cfg.train_tokenizer = dict(corpus=corpus, vocab_size=80)
    cfg.train_cfg.update(max_iters=_STEPS, val_interval=_STEPS)
    cfg.default_hooks.checkpoint.interval = _STEPS


@reduces('LeaveOneOutBridge')
def reduce_leave_one_out(bridge, folder):
    memory = folder / 'memory_of_captions.safetensors'
    if not memory.exists():
        rows = torch.randn(len(CAPTIONS), WIDTH, generator=torch.Generator().manual_seed(0))
        save_memory(memory, rows, CAPTIONS, counts=torch.ones(len(CAPTIONS)))
    bridge.memory = str(memory)


@reduces('AlignmentTrainer')
def reduce_alignment(trainer, folder):
    if trainer.get('patch_dims') is not None:
        trainer.patch_dims = WIDTH
    if trainer.get('num_patches') is not None:
        trainer.num_patches = 8


@reduces('WhiteningHook')
def reduce_whitening(hook, folder):
    hook.num_images = 6


@reduces('CaptionEntities')
def reduce_caption_entities(writer, folder):
    writer.names = str(TOOLS.parent / writer.names)
