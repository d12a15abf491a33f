from __future__ import annotations

import os

import pytest
from mmengine.fileio import get_file_backend

from mmpatchioner.engine import AtomicCheckpointHook, find_checkpoint


def put(content, path):
    hook = AtomicCheckpointHook()
    get_file_backend(str(path), backend_args=hook.backend_args).put(content, str(path))


def test_write_and_replace(tmp_path):
    path = tmp_path / 'run' / 'iter_1.pth'
    put(b'one', path)
    put(b'two', path)
    assert path.read_bytes() == b'two'
    assert [found.name for found in path.parent.iterdir()] == ['iter_1.pth']


def test_a_crash_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / 'iter_1.pth'
    put(b'one', path)

    def crash(descriptor):
        raise OSError('disk full')

    monkeypatch.setattr(os, 'fsync', crash)
    with pytest.raises(OSError, match='disk full'):
        put(b'two', path)
    assert path.read_bytes() == b'one'
    assert [found.name for found in tmp_path.iterdir()] == ['iter_1.pth']


def test_find_checkpoint(tmp_path):
    assert find_checkpoint(tmp_path) is None
    assert find_checkpoint(tmp_path / 'nowhere') is None
    for name in ('iter_2.pth', 'iter_10.pth', 'other.pth', 'iter_x.pth'):
        (tmp_path / name).touch()
    newest = str(tmp_path / 'iter_10.pth')
    assert find_checkpoint(tmp_path) == newest
    note = tmp_path / 'last_checkpoint'
    for content, expected in (
        (str(tmp_path / 'iter_2.pth'), str(tmp_path / 'iter_2.pth')),
        ('/moved/away/iter_2.pth', str(tmp_path / 'iter_2.pth')),
        ('/moved/away/iter_7.pth', newest),
        ('', newest),
    ):
        note.write_text(content)
        assert find_checkpoint(tmp_path) == expected
