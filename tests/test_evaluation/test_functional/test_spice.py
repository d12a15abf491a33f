"""SPICE: what is missing is said, and what is run is right. It can not be run itself without CoreNLP."""

from __future__ import annotations

import zipfile

import pytest

from mmpatchioner.evaluation.functional import spice as spice_module
from mmpatchioner.evaluation.functional.spice import SpiceError, spice_command, spice_scores

CORENLP = ('stanford-corenlp-3.6.0.jar', 'stanford-corenlp-3.6.0-models.jar')
SAMPLES = (['a dog', 'two boats'], [['the dog'], ['boats', 'two boats']])


@pytest.fixture
def parts(fake_java, tmp_path, monkeypatch):
    """A package with SPICE's jar, and a folder for what it lacks."""
    package = tmp_path / 'spice'
    (package / 'lib').mkdir(parents=True)
    (package / 'spice-1.0.jar').touch()
    monkeypatch.setattr(spice_module, 'coco_caption_file', lambda name: package / 'spice-1.0.jar')
    library = tmp_path / 'library'
    library.mkdir()
    monkeypatch.setenv(spice_module.LIBRARY_VARIABLE, str(library))
    return library


def add_corenlp(folder):
    for name in CORENLP:
        (folder / name).touch()


def add_engine(folder):
    with zipfile.ZipFile(folder / 'any-name.jar', 'w') as archive:
        archive.writestr('META-INF/services/javax.script.ScriptEngineFactory', 'a.Factory')


def test_missing_corenlp_is_one_line_with_the_remedy(parts):
    with pytest.raises(SpiceError) as caught:
        spice_command()
    message = str(caught.value)
    assert all(name in message for name in CORENLP)
    assert 'nlp.stanford.edu' in message and spice_module.LIBRARY_VARIABLE in message
    assert str(parts.parent / 'spice' / 'lib') in message
    assert '\n' not in message
    (parts / CORENLP[0]).touch()
    with pytest.raises(SpiceError, match=f'SPICE lacks {CORENLP[1]}: '):
        spice_command()


@pytest.mark.parametrize('version', ['15', '17.0.15', '21-ea'])
def test_a_java_without_javascript_needs_an_engine(parts, monkeypatch, version):
    monkeypatch.setenv('FAKE_JAVA_VERSION', version)
    add_corenlp(parts)
    (parts / 'broken.jar').write_bytes(b'no archive')
    with pytest.raises(
        SpiceError, match=r'lacks a JavaScript engine, which Java \d\d has no more: .*rhino'
    ):
        spice_command()
    add_engine(parts)
    assert spice_command()[-1] == 'edu.anu.spice.SpiceScorer'


def test_the_command_opens_what_java_keeps_closed(parts, fake_java, tmp_path):
    add_corenlp(parts)
    add_engine(parts)
    package = tmp_path / 'spice'
    names = ('lang', 'math', 'util', 'util.concurrent', 'text', 'net')
    assert spice_command() == [
        str(fake_java.program),
        '-Xmx8G',
        *(f'--add-opens=java.base/java.{name}=ALL-UNNAMED' for name in names),
        '-cp',
        f'{package / "spice-1.0.jar"}:{package / "lib" / "*"}:{parts / "*"}',
        'edu.anu.spice.SpiceScorer',
    ]


def test_java_8_needs_neither_engine_nor_opening(parts, monkeypatch):
    monkeypatch.setenv('FAKE_JAVA_VERSION', '1.8.0_292')
    add_corenlp(parts)
    assert not any('--add-opens' in part for part in spice_command())


def test_scores_are_in_the_order_of_the_samples(parts, fake_java):
    add_corenlp(parts)
    add_engine(parts)
    assert spice_scores(*SAMPLES).tolist() == [0.5, 0.5]
    call = fake_java.log()[-1]
    assert call.endswith(' -subset -silent') and ' -cache ' in call and ' -out ' in call


@pytest.mark.parametrize(
    ('behaviour', 'message'),
    [
        ('die:0', r'SPICE failed \(exit code 1; Java said: java.lang.NullPointerException\)'),
        ('garbage:0', 'SPICE gave None for sample 0, expected a number'),
    ],
)
def test_failures_are_errors(parts, fake_java, behaviour, message):
    add_corenlp(parts)
    add_engine(parts)
    fake_java.behave(behaviour)
    with pytest.raises(SpiceError, match=message):
        spice_scores(*SAMPLES)
