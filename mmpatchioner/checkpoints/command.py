"""The frame of the converters' command lines: an example in their help, names of files checked, errors on one line."""

from __future__ import annotations

import re
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable

from mmpatchioner.checkpoints.errors import CheckpointError

_USAGE_ERROR = 2
_WRITTEN = ('out', 'text_out')


def converter_parser(doc: str) -> ArgumentParser:
    """Begin the command line of a converter of ``tools/model_converters``.

    Args:
        doc: Docstring of the script. Its first line says what it converts and, in double backquotes after a colon,
            with which command.

    Returns:
        A parser whose help ends with that command.
    """
    what, _, command = doc.splitlines()[0].partition(':')
    example = re.sub(r'.*?``(.+?)``.*', r'\1', command)
    return ArgumentParser(
        description=what,
        epilog=f'Example: python tools/model_converters/{example}',
        formatter_class=RawDescriptionHelpFormatter,  # names of files are not broken at their hyphens
    )


def run_converter(convert: Callable[[Namespace], None], args: Namespace) -> int:
    """Run a converter of ``tools/model_converters``.

    Args:
        convert: What it does: reads, converts, writes and reports.
        args: Its arguments; ``out``, and ``text_out`` if there is one, name the files to write.

    Returns:
        The exit status: 2, after one line on stderr, if a file is unfit, a package missing or a name to write not of
        safetensors.
    """
    try:
        for name in (getattr(args, option, None) for option in _WRITTEN):
            if name is not None and not name.endswith('.safetensors'):
                raise CheckpointError(f'{name}: expected a name that ends with .safetensors.')
        convert(args)
    except (CheckpointError, ImportError, OSError) as error:
        sys.stderr.write(f'error: {" ".join(str(error).split())}\n')
        return _USAGE_ERROR
    return 0
