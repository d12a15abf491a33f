"""Settings and fixtures of the whole suite."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Set before torch and huggingface_hub are imported, which read them once.
os.environ['HF_HUB_OFFLINE'] = '1'
os.environ.setdefault('MPLBACKEND', 'Agg')
if 'PYTEST_XDIST_WORKER' in os.environ:
    # One process a core: more threads would only wait for one another.
    os.environ['OMP_NUM_THREADS'] = '1'

# No limit of time an example: the machine may be busy. In CI the examples are the same in every run.
settings.register_profile('suite', deadline=None, derandomize='CI' in os.environ)
settings.load_profile('suite')


@pytest.fixture(scope='session')
def shared_data() -> Path:
    """The folder of photos and published splits that are not part of the repository."""
    folder = os.environ.get('MMPATCHIONER_DATA')
    if not folder:
        pytest.skip('MMPATCHIONER_DATA is not set: no folder with evaluation data')
    path = Path(folder)
    if not path.is_dir():
        pytest.fail(f'MMPATCHIONER_DATA names {path}, which is not a folder')
    return path
