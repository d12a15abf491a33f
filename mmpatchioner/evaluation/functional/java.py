"""What the metrics need beyond Python: Java, and the package pycocoevalcap with its jars."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path


class ExternalToolError(RuntimeError):
    """Something outside of Python that a metric needs is missing or failed; the message is one line with the remedy."""


class JavaNotFoundError(ExternalToolError):
    """There is no Java on this machine."""

    def __init__(self) -> None:
        super().__init__(
            'Java was not found on PATH or in JAVA_HOME; METEOR, SPICE and the PTB tokenizer need it: '
            'apt install default-jre-headless (Debian, Ubuntu) or conda install openjdk (conda).'
        )


class MissingPackageError(ExternalToolError):
    """The Python package pycocoevalcap is not installed, or not whole.

    Args:
        what: What was looked for in it.
    """

    def __init__(self, what: str) -> None:
        super().__init__(
            f'The package pycocoevalcap, which has {what}, is not installed or not whole: '
            "pip install 'mmpatchioner[eval]' or pip install pycocoevalcap."
        )


def find_java() -> Path:
    """The program ``java``: the first on PATH, else the one of the environment variable JAVA_HOME.

    Raises:
        JavaNotFoundError: if there is none; the message names the remedy.
    """
    found = shutil.which('java')
    home = os.environ.get('JAVA_HOME')
    if found is None and home:
        found = shutil.which('java', path=str(Path(home) / 'bin'))
    if found is None:
        raise JavaNotFoundError
    return Path(found).absolute()


def coco_caption_file(name: str) -> Path:
    """A file of the installed package pycocoevalcap.

    Args:
        name: Path below the package's folder, e.g. ``'meteor/meteor-1.5.jar'``.

    Raises:
        MissingPackageError: if the package is not installed, or the file is not in it.
    """
    spec = importlib.util.find_spec('pycocoevalcap')
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()] if spec else []
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    raise MissingPackageError(name)
