"""A file is whole or not there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mmpatchioner.files import write_atomic


def test_folders_are_made_and_files_replaced(tmp_path: Path) -> None:
    path = tmp_path / 'new' / 'file.json'
    write_atomic(path, b'one')
    write_atomic(path, b'two')
    assert path.read_bytes() == b'two'
    assert [entry.name for entry in path.parent.iterdir()] == ['file.json']
    plain = tmp_path / 'plain'
    plain.touch()
    assert path.stat().st_mode == plain.stat().st_mode


@pytest.mark.parametrize('function', ['replace', 'fsync'])
def test_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    path = tmp_path / 'file.json'
    path.write_bytes(b'old')

    def fail(*args: object) -> None:
        raise OSError('no space left on device')

    monkeypatch.setattr(*((Path, 'replace') if function == 'replace' else (os, 'fsync')), fail)
    with pytest.raises(OSError, match='no space'):
        write_atomic(path, b'new')
    assert path.read_bytes() == b'old'
    assert [entry.name for entry in tmp_path.iterdir()] == ['file.json']
