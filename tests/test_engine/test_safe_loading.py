from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer, MessageHub
from mmengine.runner import load_checkpoint
from torch import nn

from mmpatchioner.checkpoints import CheckpointError
from mmpatchioner.engine import UnsafeCheckpointError, load_training_checkpoint, use_safe_loading


class Intruder:
    """Writes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


class Reacher:
    """Uses the permission for one attribute to reach for another."""

    def __init__(self, owner, name) -> None:
        self.owner = owner
        self.name = name

    def __reduce__(self):
        return getattr, (self.owner, self.name)


def checkpoint():
    hub = MessageHub.get_instance('safe loading')
    for value in (1.0, 0.5):
        hub.update_scalar('train/loss', value)
        hub.update_scalar('train/lr', np.float32(value))
    hub.update_info('epoch', 2)
    hub.update_info('best', np.float64(0.25))
    hub.update_info('counts', np.arange(3))
    return {
        'meta': {'iter': 2},
        'state_dict': {'w': torch.ones(2)},
        'message_hub': hub.state_dict(),
    }


def test_checkpoint_of_a_run_is_read_whole(tmp_path):
    path = tmp_path / 'iter_2.pth'
    torch.save(checkpoint(), path)
    loaded = load_training_checkpoint(path)
    history = loaded['message_hub']['log_scalars']['train/loss']
    assert isinstance(history, HistoryBuffer)
    assert history.data[0].tolist() == [1.0, 0.5]
    assert history.statistics('mean') == 0.75
    info = loaded['message_hub']['runtime_info']
    assert info['best'] == 0.25
    assert info['counts'].tolist() == [0, 1, 2]


def test_code_in_a_checkpoint_does_not_run(tmp_path):
    path, mark = tmp_path / 'iter_2.pth', tmp_path / 'mark'
    torch.save({**checkpoint(), 'optimizer': Intruder(mark)}, path)
    with pytest.raises(UnsafeCheckpointError, match=r'iter_2\.pth asks for .*mkdir'):
        load_training_checkpoint(path)
    assert not mark.exists()


@pytest.mark.parametrize(
    ('owner', 'name'), [(HistoryBuffer, '__init__'), (np.ndarray, 'tofile'), (np.dtype, 'min')]
)
def test_getattr_gives_the_four_statistics_only(tmp_path, owner, name):
    path = tmp_path / 'iter_2.pth'
    torch.save({'message_hub': Reacher(owner, name)}, path)
    with pytest.raises(UnsafeCheckpointError, match='getattr'):
        load_training_checkpoint(path)


def test_missing_and_damaged_files(tmp_path):
    with pytest.raises(FileNotFoundError, match='no such checkpoint'):
        load_training_checkpoint(tmp_path / 'iter_2.pth')
    path = tmp_path / 'iter_2.pth'
    torch.save(checkpoint(), path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(CheckpointError, match='iter_2'):
        load_training_checkpoint(path)
    path.write_bytes(b'not a checkpoint at all')
    with pytest.raises(CheckpointError, match='iter_2'):
        load_training_checkpoint(path)


def test_mmengine_loads_by_it(tmp_path):
    use_safe_loading()
    safe, unsafe = tmp_path / 'safe.pth', tmp_path / 'unsafe.pth'
    torch.save({**checkpoint(), 'state_dict': nn.Linear(2, 2).state_dict()}, safe)
    torch.save({'state_dict': {}, 'meta': Intruder(tmp_path / 'mark')}, unsafe)
    assert 'message_hub' in load_checkpoint(nn.Linear(2, 2), str(safe))
    with pytest.raises(UnsafeCheckpointError):
        load_checkpoint(nn.Linear(2, 2), str(unsafe))
    assert not (tmp_path / 'mark').exists()
