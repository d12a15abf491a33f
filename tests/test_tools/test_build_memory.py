"""tools/build_memory.py from its command line, killed on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mmpatchioner.checkpoints import load_memory
from tests.commands import TOOLS, run

TOOL = TOOLS / 'build_memory.py'
CONFIG = """
custom_imports = dict(imports=['slow_encoder'])
corpus = dict(sources=dict(path=r'{captions}'), exclude=dict(path=r'{held_out}'))
encoder = dict(type='mmpatchioner.SlowEncoder')
"""
ENCODER = """
import os, time, torch
from mmpatchioner.models.text_encoders import TextEncoder
from mmpatchioner.registry import MODELS

@MODELS.register_module()
class SlowEncoder(TextEncoder):
    space, embed_dims = 'slow', 4
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(4))
    def settings(self):
        return {}
    def encode_batch(self, texts):
        time.sleep(float(os.environ.get('SLEEP', 0)))
        return torch.tensor([[len(t), t.count('a') + 1, hash(len(t)) % 7, 1] for t in texts]) * self.weight
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / 'slow_encoder.py').write_text(ENCODER)
    captions = [f'a cat number {number} sits' for number in range(300)]
    (tmp_path / 'captions.txt').write_text('\n'.join([*captions, captions[0], 'held out']))
    (tmp_path / 'held_out.txt').write_text('Held out.')
    paths = dict(captions=tmp_path / 'captions.txt', held_out=tmp_path / 'held_out.txt')
    (tmp_path / 'config.py').write_text(CONFIG.format(**paths))
    return tmp_path


def arguments(folder: Path, out: str) -> list[str]:
    paths = [str(folder / 'config.py'), str(folder / out)]
    return [*paths, '--batch-size', '1', '--device', 'cpu']


def start(folder: Path, out: str, sleep: float) -> subprocess.Popen:
    environment = {**os.environ, 'PYTHONPATH': str(folder), 'SLEEP': str(sleep)}
    return subprocess.Popen([sys.executable, str(TOOL), *arguments(folder, out)], env=environment)


def test_killed_and_started_again(folder, monkeypatch, capsys):
    journal = folder / 'killed.safetensors.partial.jsonl'
    process = start(folder, 'killed.safetensors', sleep=0.02)
    while process.poll() is None and not (
        journal.is_file() and journal.read_text().count('\n') > 1
    ):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (folder / 'killed.safetensors').exists()
    assert journal.is_file()
    monkeypatch.syspath_prepend(str(folder))
    for out in ('killed.safetensors', 'whole.safetensors'):
        assert run('build_memory', *arguments(folder, out)) == 0
        assert f'{out}: 300 x 4 fp32, space slow' in capsys.readouterr().out
    content = (folder / 'killed.safetensors').read_bytes()
    assert content == (folder / 'whole.safetensors').read_bytes()
    assert not journal.exists()

    memory = load_memory(folder / 'killed.safetensors')
    assert memory.counts.tolist() == [2.0] + [1.0] * 299
    files = json.loads(memory.metadata['corpus_files'])
    assert [file['name'] for file in files] == ['captions.txt', 'held_out.txt']
    assert files[1]['bytes'] == len('Held out.') and len(files[1]['sha256']) == 64
    assert str(folder) not in json.dumps(dict(memory.metadata))
    assert memory.metadata['mmpatchioner'] and memory.metadata['encoder_sha256']
