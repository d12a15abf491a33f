"""Names of models."""

from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.config import Config

from mmpatchioner.apis import InputError, available_models, zoo


@pytest.fixture
def configs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ('mini/mini.py', 'patchioner/large.py', '_base_/part.py', 'training/decoder.py'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text('model = dict()\n')
    monkeypatch.setattr(zoo, 'config_root', lambda: tmp_path)
    return tmp_path


def test_models_are_the_configs_that_can_be_run(configs: Path) -> None:
    assert available_models() == {
        'large': configs / 'patchioner/large.py',
        'mini': configs / 'mini/mini.py',
    }


def test_name_or_file(configs: Path) -> None:
    assert zoo.find_config('mini') == configs / 'mini/mini.py'
    assert zoo.find_config(configs / '_base_/part.py') == configs / '_base_/part.py'


def test_unknown_ones(configs: Path) -> None:
    with pytest.raises(
        InputError, match=r"unknown name 'minni'; known names: large, mini.*Did you mean 'mini'"
    ):
        zoo.find_config('minni')
    with pytest.raises(InputError, match=r'no such config file: none\.py; .*large, mini'):
        zoo.find_config('none.py')


def test_configs_of_this_package_can_be_read() -> None:
    models = available_models()
    for path in models.values():
        assert 'model' in Config.fromfile(path), path
