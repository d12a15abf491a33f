"""Published memories of MeaCap, captions beside their embeddings, as memories of unit rows and norms.

MeaCap's decoder is a ViECap decoder.
"""

from __future__ import annotations

import json
import os

from mmpatchioner.checkpoints.conversion import provenance, sha256_of
from mmpatchioner.checkpoints.errors import CheckpointError
from mmpatchioner.checkpoints.loading import load_tensor, resolve_file
from mmpatchioner.checkpoints.memory_file import Memory, memory_dtype

CAPTIONS_FILE = 'memory_captions.json'
EMBEDDINGS_FILE = 'memory_clip_embeddings.pt'


def convert_meacap_memory(
    captions: str | os.PathLike[str],
    embeddings: str | os.PathLike[str],
    dtype: str = 'fp32',
    metadata: dict[str, str] | None = None,
) -> Memory:
    """Convert a published memory; rows of zeros are left out with their captions.

    Args:
        captions: The ``memory_captions.json`` of the memory's folder, a list of M strings.
        embeddings: Its ``memory_clip_embeddings.pt``, a tensor (M, D). The third file of the folder,
            ``memory_wte_embeddings.pt``, is read by the released code and never used.
        dtype: Type of the unit rows: ``'fp32'``, ``'bf16'`` or ``'fp16'``.
        metadata: Strings to add, e.g. ``space``.

    Raises:
        CheckpointError: if a file is missing, unsafe or damaged, or the two do not belong together.
        ValueError: if ``dtype`` is unknown.
    """
    memory_dtype(dtype)
    texts = _read_captions(captions)
    rows = load_tensor(embeddings)
    if rows.ndim != 2 or not rows.is_floating_point():
        raise CheckpointError(
            f'{embeddings}: expected rows of numbers (M, D), got {tuple(rows.shape)} {rows.dtype}.'
        )
    if len(rows) != len(texts):
        raise CheckpointError(
            f'{embeddings} has {len(rows)} rows, {captions} {len(texts)} captions; they are not of one memory.'
        )
    record = {**provenance(embeddings), 'captions_sha256': sha256_of(captions)}
    try:
        memory = Memory.from_rows(rows, texts, {**record, **(metadata or {})}, dtype)
    except ValueError as error:
        raise CheckpointError(f'{embeddings}: {error}') from error
    return memory


def _read_captions(path: str | os.PathLike[str]) -> list[str]:
    file = resolve_file(path)
    try:
        texts = json.loads(file.read_text(encoding='utf-8'))
    except ValueError as error:  # neither UTF-8 nor JSON
        raise CheckpointError(f'{path}: expected a JSON list of captions ({error}).') from error
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise CheckpointError(f'{path}: expected a JSON list of captions, got something else.')
    return texts
