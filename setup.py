"""Packs the repository's configs and tools into the package, where OpenMMLab looks for them.

Everything else about the distribution is declared in pyproject.toml.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
PACKED = ('configs', 'tools', 'model-index.yml')


class BuildWithMim(build_py):
    """Adds `mmpatchioner/.mim`: links to the sources when editable, copies in a wheel.

    Model names (`mmpatchioner.apis.available_models`) and `mim` are looked up there.
    """

    def run(self) -> None:
        super().run()
        package = ROOT if self.editable_mode else Path(self.build_lib)
        mim = package / 'mmpatchioner' / '.mim'
        shutil.rmtree(mim, ignore_errors=True)
        mim.mkdir(parents=True)
        for name in PACKED:
            if self.editable_mode:
                self._link(ROOT / name, mim / name)
            else:
                self._copy(ROOT / name, mim / name)

    @staticmethod
    def _link(source: Path, target: Path) -> None:
        try:
            target.symlink_to(source, target_is_directory=source.is_dir())
        except OSError:  # Windows without the right to make links
            BuildWithMim._copy(source, target)

    @staticmethod
    def _copy(source: Path, target: Path) -> None:
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns('__pycache__', '*.pyc'))
        else:
            shutil.copy2(source, target)


setup(cmdclass={'build_py': BuildWithMim})
