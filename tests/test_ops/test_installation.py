"""What `import mmpatchioner` does to mmcv; in processes of their own, which nothing has imported it into."""

from __future__ import annotations

import importlib
import os
import pkgutil
import subprocess
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from mmpatchioner.ops import install_portable_ops
from mmpatchioner.ops.extension import OPERATORS
from mmpatchioner.ops.requirements import require_openmmlab

# A module `_ext` in this folder is what a compiled mmcv has inside its package.
WITH_EXTENSION = 'import mmcv, sys; mmcv.__path__.append(sys.argv[1])\n'
# mmcv-lite, whatever is installed.
WITHOUT_EXTENSION = """
import importlib.abc, sys
class Hide(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in HIDDEN:
            raise ModuleNotFoundError(f'No module named {name!r}', name=name)
HIDDEN = {'mmcv._ext', 'pkg_resources'}
sys.meta_path.insert(0, Hide())
"""


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).parents[2]
    path = os.pathsep.join(filter(None, [str(root), os.environ.get('PYTHONPATH')]))
    return subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', code, str(folder)],
        cwd=folder,
        env={**os.environ, 'PYTHONPATH': path},
        capture_output=True,
        text=True,
        check=False,
    )


def test_importing_the_package_is_enough(tmp_path: Path) -> None:
    """And it needs no pkg_resources, says once that the operators are portable, and nothing before they are used."""
    result = run(
        WITHOUT_EXTENSION
        + """
import mmpatchioner
print('imported')
from mmdet.registry import MODELS
from mmdet.utils import register_all_modules
register_all_modules()
import torch, mmcv.ops, mmdet.apis
from mmcv.utils.ext_loader import check_ops_exist
assert check_ops_exist()
assert len(MODELS.module_dict) > 200
for _ in range(3):
    mmcv.ops.nms(torch.tensor([[0.0, 0, 2, 2]]), torch.ones(1), 0.5)
""",
        tmp_path,
    )
    assert result.returncode == 0, result.stderr
    first, *rest = result.stdout.splitlines()
    assert first == 'imported'
    assert sum('portable operators of mmpatchioner.ops are used' in line for line in rest) == 1


def test_the_compiled_module_wins(tmp_path: Path) -> None:
    (tmp_path / '_ext.py').write_text('def __getattr__(name):\n    return "compiled"\n')
    result = run(
        WITH_EXTENSION
        + """
import importlib, mmpatchioner
from mmpatchioner.ops import install_portable_ops
assert mmcv._ext.nms == 'compiled'
assert importlib.import_module('mmcv.ops.nms').ext_module.nms == 'compiled'
assert install_portable_ops() is False
""",
        tmp_path,
    )
    assert result.returncode == 0, result.stderr


def test_a_compiled_module_that_does_not_load_is_replaced_with_a_warning(tmp_path: Path) -> None:
    (tmp_path / '_ext.py').write_text('raise ImportError("undefined symbol: _ZN2at4_ops")\n')
    result = run(
        WITH_EXTENSION
        + """
import mmpatchioner, mmcv.ops, torch
print(mmcv.ops.nms(torch.tensor([[0.0, 0, 2, 2]]), torch.ones(1), 0.5)[1].tolist())
""",
        tmp_path,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == '[0]'
    assert 'do not load (undefined symbol: _ZN2at4_ops)' in result.stderr


def test_a_torchvision_of_another_torch_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / 'torchvision.py').write_text(
        'raise RuntimeError("operator torchvision::nms does not exist")\n'
    )
    result = run(
        'import sys; sys.path.insert(0, sys.argv[1])'
        + WITHOUT_EXTENSION
        + """
import mmpatchioner, mmcv.ops, torch
print(mmcv.ops.nms(torch.tensor([[0.0, 0, 2, 2]]), torch.ones(1), 0.5)[1].tolist())
""",
        tmp_path,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == '[0]'


@pytest.mark.parametrize('name', ['mmengine', 'mmcv', 'mmdet'])
def test_a_missing_package_is_named_with_the_remedy(monkeypatch, name: str) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=rf'needs {name}, .*pip install .*mmcv-lite==2\.1\.0'):
        require_openmmlab()


def test_an_error_inside_a_package_is_not_hidden(monkeypatch) -> None:
    monkeypatch.delitem(sys.modules, 'mmdet')
    monkeypatch.setitem(sys.modules, 'mmdet.version', None)
    with pytest.raises(ModuleNotFoundError, match=r'mmdet\.version'):
        require_openmmlab()


class Refuse(MetaPathFinder, Loader):
    """Stands in for an mmdet that asserts the version of mmcv."""

    def find_spec(self, name, path=None, target=None):
        return ModuleSpec(name, self) if name == 'mmdet' else None

    def exec_module(self, module):
        raise AssertionError('MMCV==2.2.0 is used but incompatible.')


def test_a_version_that_mmdet_refuses_is_explained(monkeypatch) -> None:
    monkeypatch.delitem(sys.modules, 'mmdet')
    monkeypatch.setattr(sys, 'meta_path', [Refuse(), *sys.meta_path])
    with pytest.raises(
        ImportError, match=r'mmdet refuses .*MMCV==2\.2\.0 .*pip install .*mmcv-lite==2\.1\.0'
    ):
        require_openmmlab()


def test_installing_again_changes_nothing() -> None:
    extension = sys.modules['mmcv._ext']
    install_portable_ops()
    assert sys.modules['mmcv._ext'] is extension


def test_every_module_of_mmcv_ops_finds_its_operators(wrapper_modules) -> None:
    package = importlib.import_module('mmcv.ops')
    modules = [info.name for info in pkgutil.iter_modules(package.__path__)]
    assert len(modules) > 50
    assert len(wrapper_modules) > 40


def test_an_operator_without_portable_version_says_so(portable_extension) -> None:
    operator = portable_extension.psamask_forward
    assert operator.__name__ == 'psamask_forward'
    with pytest.raises(NotImplementedError, match=r"'psamask_forward'.*Remedy.*onedl-mmcv"):
        operator(1, key=2)
    with pytest.raises(AttributeError, match='__path__'):
        _ = portable_extension.__path__


def test_the_environment_report_names_the_operators(portable_extension) -> None:
    assert 'mmpatchioner.ops' in portable_extension.get_compiler_version()
    assert portable_extension.get_compiling_cuda_version() == 'none'


def test_the_documentation_names_every_operator() -> None:
    text = (Path(__file__).parents[2] / 'docs' / 'portable_ops.md').read_text()
    missing = [name for name in OPERATORS if f'`{name.removesuffix("_forward")}`' not in text]
    assert not [name for name in missing if '_backward' not in name]
