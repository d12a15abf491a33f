"""What a newcomer relies on: the wheel is complete, the pins fit the ranges, the documents tell the truth."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import mmpatchioner

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted(
    path
    for pattern in ('*.md', 'docs/**/*.md', 'configs/**/*.md', 'tools/**/*.md')
    for path in ROOT.glob(pattern)
)
FOLDERS = 'configs|docs|mmpatchioner|requirements|tests|tools'
PATH = re.compile(rf'(?<![\w./:<-])(?:{FOLDERS})/[\w./-]*\w')
LINK = re.compile(r'\]\(([^)\s]+)\)')
IMPORT = re.compile(r'^(?:>>> )?from (mmpatchioner[\w.]*) import (.+)$', re.MULTILINE)
COMMAND = re.compile(r'python3? (tools/[\w/]+\.py)((?:[^\n]|\\\n)*)')


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def anchors(document: Path) -> set[str]:
    """The anchors GitHub makes of a document's headings."""
    headings = re.findall(r'^#+ (.+)$', document.read_text(encoding='utf-8'), re.MULTILINE)
    kept = (re.sub(r'[^\w\- ]', '', heading.lower()) for heading in headings)
    return {heading.replace(' ', '-') for heading in kept}


@pytest.fixture(scope='module')
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    """The wheel, built from the unpacked source distribution as pip builds it."""
    folder = tmp_path_factory.mktemp('build')
    source = folder / 'source'
    shutil.copytree(
        ROOT,
        source,
        ignore=shutil.ignore_patterns('.*', 'build', 'dist', 'demo_out', 'work_dirs', '*.egg-info'),
    )

    def build(kind: str, where: Path) -> Path:
        code = f'from setuptools import build_meta as b; b.build_{kind}({str(folder)!r})'
        subprocess.run([sys.executable, '-c', code], cwd=where, check=True, capture_output=True)
        (built,) = folder.glob({'sdist': '*.tar.gz', 'wheel': '*.whl'}[kind])
        return built

    shutil.unpack_archive(build('sdist', source), folder / 'sdist')
    (unpacked,) = (folder / 'sdist').iterdir()
    return zipfile.ZipFile(build('wheel', unpacked))


def test_wheel_holds_the_package_and_what_mim_needs(wheel):
    names = set(wheel.namelist())
    package = {relative(path) for path in (ROOT / 'mmpatchioner').glob('**/*.py')}
    configs = {f'mmpatchioner/.mim/{relative(path)}' for path in ROOT.glob('configs/**/*.py')}
    tools = {f'mmpatchioner/.mim/{relative(path)}' for path in ROOT.glob('tools/**/*.py')}
    weights = {relative(path) for path in ROOT.glob('mmpatchioner/checkpoints/mini/*')}
    package = {name for name in package if '/.mim/' not in name}

    wanted = package | configs | tools | weights
    wanted |= {'mmpatchioner/py.typed', 'mmpatchioner/.mim/model-index.yml'}

    assert wanted - names == set()
    assert not [name for name in names if '__pycache__' in name or name.startswith('tests/')]


def test_wheel_metadata(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith('METADATA'))
    metadata = wheel.read(name).decode()

    assert f'Version: {mmpatchioner.__version__}\n' in metadata
    assert 'License-Expression: Apache-2.0\n' in metadata
    assert any(name.endswith('licenses/LICENSE') for name in wheel.namelist())


def test_pins_lie_in_the_declared_ranges():
    tomllib = pytest.importorskip('tomllib', reason='tomllib came with Python 3.11')
    project = tomllib.loads((ROOT / 'pyproject.toml').read_text(encoding='utf-8'))['project']
    extras = project['optional-dependencies']
    ranges = [Requirement(line) for line in sum(extras.values(), project['dependencies'])]
    pins = [
        Requirement(line)
        for path in ROOT.glob('requirements/*.txt')
        for line in path.read_text(encoding='utf-8').splitlines()
        if line and not line.startswith('#')
    ]

    assert pins
    for pin in pins:
        (exact,) = pin.specifier
        assert exact.operator == '==', f'{pin} is not pinned'
        for declared in ranges:
            if declared.name == pin.name:
                assert exact.version in declared.specifier, f'{pin} is outside of {declared}'


def test_model_index_names_files_that_exist():
    index = yaml.safe_load((ROOT / 'model-index.yml').read_text(encoding='utf-8'))
    models = []
    for name in index['Import']:
        metafile = yaml.safe_load((ROOT / name).read_text(encoding='utf-8'))
        collections = {collection['Name'] for collection in metafile['Collections']}
        for model in metafile['Models']:
            assert model['In Collection'] in collections
            assert (ROOT / model['Config']).is_file(), model['Config']
            models.append(model['Name'])

    assert models
    assert len(models) == len(set(models))


def test_index_of_the_documentation_lists_every_page():
    pages = {path.name for path in ROOT.glob('docs/*.md')} - {'README.md'}

    listed = LINK.findall((ROOT / 'docs/README.md').read_text(encoding='utf-8'))

    assert pages - set(listed) == set()


@pytest.mark.parametrize('document', DOCUMENTS, ids=relative)
def test_links_and_paths_in_documents_exist(document):
    text = document.read_text(encoding='utf-8')

    for link in LINK.findall(text):
        if re.match(r'[a-z]+:', link):
            continue
        name, _, anchor = link.partition('#')
        target = document.parent / name if name else document
        assert target.exists(), f'{link} leads nowhere'
        if anchor:
            assert anchor in anchors(target), f'{link} names no heading'
    for name in PATH.findall(text):
        assert (ROOT / name).exists(), f'{name} does not exist'


@pytest.mark.parametrize('document', DOCUMENTS, ids=relative)
def test_commands_and_imports_in_documents_work(document):
    text = document.read_text(encoding='utf-8')

    for tool, rest in COMMAND.findall(text):
        source = (ROOT / tool).read_text(encoding='utf-8')
        for option in re.findall(r'(?<!\S)--[a-z][\w-]*', rest):
            assert f"'{option}'" in source, f'{tool} has no option {option}'
    for module, names in IMPORT.findall(text):
        for name in re.findall(r'\w+', names.split('#')[0]):
            assert hasattr(importlib.import_module(module), name), f'{module} has no {name}'


def test_the_tests_that_the_documents_name_exist():
    page = (ROOT / 'docs/compat.md').read_text(encoding='utf-8')
    named = re.findall(r'`(test_\w+\.py)::(test_\w+)`', page)
    defined = {
        (path.name, name)
        for path in ROOT.glob('tests/**/test_*.py')
        for name in re.findall(r'def (test_\w+)\(', path.read_text(encoding='utf-8'))
    }
    assert len(named) > 40
    assert [test for test in named if test not in defined] == []
