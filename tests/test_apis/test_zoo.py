"""Names of models."""

from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.config import Config

from mmpatchioner.apis import InputError, available_models, zoo


@pytest.fixture
def configs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / 'configs'
    for name in ('mini/mini.py', 'mini/alignment.py', 'patchioner/large.py', '_base_/part.py'):
        (root / name).parent.mkdir(exist_ok=True, parents=True)
        (root / name).write_text('model = dict()\n')
    for folder, files in {'mini': ['mini.py'], 'patchioner': ['large.py', 'planned.py']}.items():
        models = ''.join(f'  - Name: x\n    Config: configs/{folder}/{file}\n' for file in files)
        (root / folder / 'metafile.yml').write_text(f'Models:\n{models}')
    monkeypatch.setattr(zoo, 'config_root', lambda: root)
    return root


def test_models_are_the_configs_that_metafiles_list(configs: Path) -> None:
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
    assert 'patchioner_dinov2-b-reg_talk2dino_memory_coco' in models
    for path in models.values():
        assert 'model' in Config.fromfile(path), path
