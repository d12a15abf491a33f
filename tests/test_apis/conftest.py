"""Fixtures of the inference tests."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from tiny_captioner import colours, tiny_config

from mmpatchioner.apis import CaptionInferencer


@pytest.fixture(scope='session')
def inferencer() -> CaptionInferencer:
    torch.manual_seed(0)
    return CaptionInferencer(tiny_config(), device='cpu')


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / 'photo.png'
    Image.fromarray(colours(40, 60)).save(path)
    return path
