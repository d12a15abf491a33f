"""Fixtures of the inference tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_captioner import tiny_config

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


def colours(height: int, width: int, seed: int = 0) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
