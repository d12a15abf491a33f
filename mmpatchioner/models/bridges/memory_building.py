"""A memory from texts, with vectors that need not fit into memory."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from mmpatchioner.checkpoints.memory_file import MEMORY_FORMAT, PackedTexts, memory_dtype
from mmpatchioner.checkpoints.streaming import StreamedTensor, write_streamed
from mmpatchioner.models.bridges.coverage import medoids as choose_medoids
from mmpatchioner.models.bridges.embedding_spool import EmbeddingSpool
from mmpatchioner.models.text_encoders import TextEncoder

_BATCHES = 64  # in a chunk, so that texts of one length find each other
_READ = 16384  # rows: 50 MB of 768 fp32


def build_memory(
    path: str | os.PathLike[str],
    texts: Sequence[str],
    encoder: TextEncoder,
    *,
    counts: Sequence[int] | None = None,
    medoids: int | None = None,
    dtype: str = 'fp32',
    keep_texts: bool = True,
    metadata: Mapping[str, str] | None = None,
    batch_size: int = 128,
    on_rows: Callable[[int], None] | None = None,
) -> int:
    """Encode texts and write the memory of their embeddings, which :func:`load_memory` reads.

    Vectors are kept in a file beside ``path`` until all are there. Called again after the process was killed, with the
    same texts, encoder and batch size, it goes on with the chunk that was interrupted, and writes the same bytes as
    if it had never been. Texts with an embedding of zeros are left out.

    Args:
        path: The memory to write.
        texts: The texts.
        encoder: Their encoder, on its device. Its space and fingerprint are written into the metadata.
        counts: How many texts of the corpus each stands for.
        medoids: Keep so many rows that stand for all others, with the number that each stands for in place of
            ``counts``; see :func:`medoids`. All vectors are read at once for it.
        dtype: Type of the unit rows: ``'fp32'``, ``'bf16'`` or ``'fp16'``.
        keep_texts: Whether to keep the texts.
        metadata: Strings to add.
        batch_size: Texts in one forward pass.
        on_rows: Called with the number of texts that are encoded, first with those of an earlier process.

    Returns:
        Rows of the memory.

    Raises:
        ValueError: if numbers do not fit, there is no text, or an embedding is not finite.
    """
    storage = memory_dtype(dtype)
    if not texts:
        raise ValueError('texts: expected at least one, got none.')
    if counts is not None and len(counts) != len(texts):
        raise ValueError(f'counts: expected one for each of {len(texts)} texts, got {len(counts)}.')
    fingerprint, texts_sha256 = encoder.fingerprint(), _hash(texts)
    # All that changes a bit of an embedding.
    key = f'{fingerprint} {texts_sha256} {batch_size} {encoder.device.type} {torch.__version__}'
    spool = EmbeddingSpool(path, encoder.embed_dims, hashlib.sha256(key.encode()).hexdigest())
    _fill(spool, texts, encoder, batch_size, on_rows or _ignore)
    provenance = {
        **(metadata or {}),
        'space': encoder.space,
        'encoder_sha256': fingerprint,
        'texts_sha256': texts_sha256,
    }
    written = _write(
        path, spool.read(), texts if keep_texts else None, counts, medoids, storage, provenance
    )
    spool.remove()
    return written


def _fill(
    spool: EmbeddingSpool,
    texts: Sequence[str],
    encoder: TextEncoder,
    batch_size: int,
    on_rows: Callable[[int], None],
) -> None:
    on_rows(spool.rows)
    while spool.rows < len(texts):
        chunk = texts[spool.rows : spool.rows + _BATCHES * batch_size]
        embeddings = encoder.encode(chunk, batch_size).cpu()
        finite = embeddings.isfinite().all(dim=1)
        if not finite.all():
            broken = list(itertools.compress(chunk, (~finite).tolist()))[:3]
            raise ValueError(
                f'encoder {encoder.space}: NaN or infinity for {broken}; its weights are damaged.'
            )
        spool.append(embeddings)
        on_rows(spool.rows)


def _write(
    path: str | os.PathLike[str],
    rows: Tensor,
    texts: Sequence[str] | None,
    counts: Sequence[int] | None,
    medoids: int | None,
    storage: torch.dtype,
    metadata: dict[str, str],
) -> int:
    norms = torch.cat([part.norm(dim=1) for part in rows.split(_READ)])
    kept = _kept(norms)
    weights = None if counts is None else torch.tensor(counts, dtype=torch.float32)[kept]
    if medoids is not None:
        chosen, members = choose_medoids(rows[kept], medoids)
        kept, weights = kept[chosen], members.float()
        metadata = {**metadata, 'medoids_of': str(len(rows))}
    shape = (len(kept), rows.shape[1])
    tensors = {
        'embeddings': StreamedTensor(storage, shape, _unit_rows(rows, kept, storage)),
        'norms': StreamedTensor.whole(norms[kept]),
    }
    if weights is not None:
        tensors['counts'] = StreamedTensor.whole(weights)
    if texts is not None:
        packed = PackedTexts.pack(texts[row] for row in kept.tolist())
        tensors['text_bytes'] = StreamedTensor.whole(packed.data)
        tensors['text_offsets'] = StreamedTensor.whole(packed.offsets)
    write_streamed(path, tensors, {**metadata, 'format': MEMORY_FORMAT})
    return len(kept)


def _ignore(rows: int) -> None:
    """Report nothing."""


def _kept(norms: Tensor) -> Tensor:
    """Rows that are not zero."""
    kept = norms.nonzero()[:, 0]
    if not len(kept):
        raise ValueError('embeddings: expected at least one row that is not zero, got none.')
    return kept


def _unit_rows(rows: Tensor, kept: Tensor, storage: torch.dtype) -> Iterator[Tensor]:
    for part in kept.split(_READ):
        yield F.normalize(rows[part], dim=1).to(storage)


def _hash(texts: Sequence[str]) -> str:
    return hashlib.sha256('\n'.join(texts).encode()).hexdigest()
