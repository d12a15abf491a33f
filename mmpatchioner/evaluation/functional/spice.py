"""SPICE through the jar of pycocoevalcap, which lacks some of what it needs.

The jar is of 2016. Stanford's CoreNLP 3.6.0, with its models, is not in the package; Java 9 and later keep closed what
a library in it looks into; and Java 15 and later have no JavaScript engine, with which it writes its result.
"""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmpatchioner.evaluation.functional.java import ExternalToolError, coco_caption_file, find_java

LIBRARY_VARIABLE = 'MMPATCHIONER_SPICE_LIB'
"""Environment variable that names one more folder of jars."""

_CORENLP = ('stanford-corenlp-3.6.0.jar', 'stanford-corenlp-3.6.0-models.jar')
_CORENLP_URL = 'https://nlp.stanford.edu/software/stanford-corenlp-full-2015-12-09.zip'
_ENGINE_ENTRY = 'META-INF/services/javax.script.ScriptEngineFactory'
_FIRST_CLOSED, _FIRST_WITHOUT_ENGINE = 9, 15  # versions of Java
_OPENED = ('lang', 'math', 'util', 'util.concurrent', 'text', 'net')


class SpiceError(ExternalToolError):
    """SPICE can not be run, or failed; the message says what is missing and where it belongs."""


def spice_scores(
    candidates: Sequence[str], references: Sequence[Sequence[str]]
) -> NDArray[np.float64]:
    """SPICE of candidates: the F-score of the tuples of their scene graph. The corpus score is the mean.

    Args:
        candidates: One tokenized caption per sample.
        references: Tokenized captions of each sample.

    Returns:
        (S,) scores between 0 and 1.

    Raises:
        JavaNotFoundError: if there is no Java.
        MissingPackageError: if pycocoevalcap is not installed.
        SpiceError: if one of the other parts is missing, or SPICE failed.
    """
    samples = [
        {'image_id': number, 'test': candidate, 'refs': list(several)}
        for number, (candidate, several) in enumerate(zip(candidates, references, strict=True))
    ]
    start = spice_command()
    with tempfile.TemporaryDirectory(prefix='spice-') as name:
        folder = Path(name)
        source, target, cache = folder / 'in.json', folder / 'out.json', folder / 'cache'
        source.write_text(json.dumps(samples), encoding='utf-8')
        cache.mkdir()
        command = [*start, str(source), '-cache', str(cache), '-out', str(target)]
        run = subprocess.run(
            [*command, '-subset', '-silent'], capture_output=True, check=False, errors='replace'
        )
        if run.returncode != 0 or not target.exists():
            said = ' / '.join(run.stderr.strip().splitlines()[-3:]) or 'nothing'
            raise SpiceError(f'SPICE failed (exit code {run.returncode}; Java said: {said}).')
        return _scores(json.loads(target.read_text(encoding='utf-8')), len(samples))


def spice_command() -> list[str]:
    """The command that starts SPICE, up to its arguments.

    Raises:
        JavaNotFoundError: if there is no Java.
        MissingPackageError: if pycocoevalcap is not installed.
        SpiceError: if one of the other parts is missing.
    """
    java, jar = find_java(), coco_caption_file('spice/spice-1.0.jar')
    named = os.environ.get(LIBRARY_VARIABLE)
    folders = [jar.parent / 'lib', *([Path(named)] if named else [])]
    jars = sorted(path for folder in folders for path in folder.glob('*.jar'))
    missing = [name for name in _CORENLP if name not in {path.name for path in jars}]
    place = f'{folders[0]}, or into a folder named by {LIBRARY_VARIABLE}'
    if missing:
        raise SpiceError(
            f'SPICE lacks {" and ".join(missing)}: take them out of {_CORENLP_URL} and put them into {place}.'
        )
    version = _java_version(java)
    if version >= _FIRST_WITHOUT_ENGINE and not any(map(_has_engine, jars)):
        raise SpiceError(
            f'SPICE lacks a JavaScript engine, which Java {version} has no more: put the jars rhino and rhino-engine '
            f'(org.mozilla, Maven Central) into {place}; or use Java 8.'
        )
    opens: Iterable[str] = _OPENED if version >= _FIRST_CLOSED else ()
    return [
        str(java),
        '-Xmx8G',
        *(f'--add-opens=java.base/java.{name}=ALL-UNNAMED' for name in opens),
        '-cp',
        os.pathsep.join([str(jar), *(str(folder / '*') for folder in folders)]),
        'edu.anu.spice.SpiceScorer',
    ]


def _java_version(java: Path) -> int:
    """Major version: 8 of "1.8.0_292", 17 of "17.0.15"."""
    run = subprocess.run(
        [str(java), '-version'], capture_output=True, check=False, errors='replace'
    )
    found = re.search(r'version "(?:1\.)?(\d+)', run.stderr)
    if found is None:
        raise SpiceError(f'{java} -version: expected a version, got {run.stderr.strip()!r}.')
    return int(found[1])


def _has_engine(jar: Path) -> bool:
    try:
        with zipfile.ZipFile(jar) as archive:
            return _ENGINE_ENTRY in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


def _scores(results: Sequence[dict[str, Any]], count: int) -> NDArray[np.float64]:
    found = {result['image_id']: result['scores']['All']['f'] for result in results}
    scores = [found.get(number) for number in range(count)]
    for number, score in enumerate(scores):
        if not isinstance(score, (int, float)) or not math.isfinite(score):
            raise SpiceError(f'SPICE gave {score!r} for sample {number}, expected a number.')
    return np.array(scores, dtype=np.float64)
