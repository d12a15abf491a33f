"""Projection on a memory of text embeddings (`Im2TxtProjector`), from a file of the published layout."""

from __future__ import annotations

from contextlib import redirect_stdout
from io import StringIO

import torch
from torch import Tensor

from tests.tools.parity.drawing import Draw, rounded
from tests.tools.parity.released import SCRATCH, released

NUM_ROWS, NUM_ZEROS, DIMS = 24, 3, 16
NAME = 'coco_captions_text_embeddings-B16-ViT-B.16-{}.h5'


def write_memory(rows: Tensor, texts: list[str]) -> None:
    """Write a memory where the released code looks for it."""
    import h5py

    with h5py.File(SCRATCH / NAME.format(len(rows)), 'w') as file:
        file['coco_captions-embeddings'] = rows.numpy()
        file['coco_captions-text'] = [text.encode() for text in texts]


def open_memory(num_rows: int, unit_rows: bool = False):
    """The released projector on that file."""
    module = released('decap.im2txtprojection.im2txtprojection')
    with redirect_stdout(StringIO()):
        return module.Im2TxtProjector(
            type=module.ProjectionType.COCO_CAPTIONS,
            use_talk2dino=True,
            support_memory_size=num_rows,
            normalize_memory_embs=unit_rows,
        )


def nearly_parallel(draw: Draw, count: int, dims: int, spread: float = 0.1) -> Tensor:
    """Rows so much alike that the softmax over them does not choose one alone."""
    rows = draw.normal(1, dims) + draw.normal(count, dims, scale=spread)
    return rounded(rows * (0.5 + draw.uniform(count, 1)))


def record() -> tuple[dict[str, Tensor], dict]:
    draw = Draw(0)
    rows = nearly_parallel(draw, NUM_ROWS, DIMS)
    rows[-NUM_ZEROS:] = 0  # as the published files are filled up
    texts = [f'caption {index}' for index in range(NUM_ROWS)]
    write_memory(rows, texts)
    vectors = rounded(rows[:6] + draw.normal(6, DIMS, scale=0.1))
    tensors = {'rows': rows, 'vectors': vectors}
    for unit_rows in (False, True):
        memory = open_memory(NUM_ROWS, unit_rows)
        for normalize in (False, True):
            name = f'{"unit" if unit_rows else "raw"}{".normalized" if normalize else ""}'
            tensors[name] = memory.project(vectors.clone(), normalize=normalize)
    memory = open_memory(NUM_ROWS)
    given = vectors.clone()
    nearest = memory.project(given, return_argmax_text=True)
    nothing = memory.project(torch.zeros(1, DIMS))
    faults = {
        'vectors_are_changed': not torch.equal(given, vectors),
        'a_vector_of_zeros_is_nan': bool(nothing.isnan().all()),
    }
    return tensors, {'texts': texts, 'nearest': nearest, 'faults': faults}
