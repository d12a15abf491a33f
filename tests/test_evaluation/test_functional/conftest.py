"""A Java that needs no Java, and the real one once for all."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmpatchioner.evaluation.functional.meteor import Meteor


class FakeJava:
    """A program ``java`` that is the first on PATH; see fake_java.py."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._log = folder / 'log.txt'
        self._monkeypatch = monkeypatch
        self.program = folder / 'bin' / 'java'
        self.program.parent.mkdir()
        source = Path(__file__).with_name('fake_java.py').read_text()
        self.program.write_text(f'#!{sys.executable} -IS\n{source}')
        self.program.chmod(0o755)
        self.jar = folder / 'meteor' / 'meteor-1.5.jar'
        self.jar.parent.mkdir()
        self.jar.write_bytes(b'jar')
        monkeypatch.setenv('PATH', f'{self.program.parent}{os.pathsep}{os.environ["PATH"]}')
        monkeypatch.setenv('FAKE_JAVA_LOG', str(self._log))
        monkeypatch.delenv('FAKE_JAVA', raising=False)
        monkeypatch.delenv('MMPATCHIONER_METEOR_JAR', raising=False)

    def behave(self, how: str) -> None:
        """Let it fail in some way from now on."""
        self._monkeypatch.setenv('FAKE_JAVA', how)

    def log(self) -> list[str]:
        """All calls and requests so far."""
        return self._log.read_text().split('\n')[:-1] if self._log.exists() else []

    def requests(self) -> list[str]:
        """The pairs that METEOR was asked for."""
        return [line for line in self.log() if line.startswith('SCORE')]

    def pids(self, count: int = 1) -> list[int]:
        """The processes of METEOR, as soon as there are so many."""
        for _ in range(1000):
            pids = [int(line[4:]) for line in self.log() if line.startswith('pid ')]
            if len(pids) >= count:
                return pids
            time.sleep(0.01)
        pytest.fail('METEOR was not started')


@pytest.fixture
def fake_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeJava:
    return FakeJava(tmp_path, monkeypatch)


@pytest.fixture(scope='session')
def real_java() -> None:
    """Skips without Java or pycocoevalcap."""
    if shutil.which('java') is None:
        pytest.skip('there is no Java')
    if importlib.util.find_spec('pycocoevalcap') is None:
        pytest.skip('pycocoevalcap is not installed')


@pytest.fixture(scope='session')
def real_meteor(real_java: None) -> Iterator[Meteor]:
    """METEOR itself, started once: it takes seconds and 1.3 GB."""
    with Meteor() as meteor:
        yield meteor
