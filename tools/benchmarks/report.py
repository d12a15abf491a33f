"""The results as tables: on the screen, in Markdown, in CSV."""

from __future__ import annotations

import csv
import io
import os
import platform
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks.comparison import Comparison
from mmpatchioner.files import write_atomic

BEGIN, END = '<!-- benchmark: begin -->', '<!-- benchmark: end -->'
"""What stands between these lines of a Markdown file is replaced by the table."""

HEADER = (
    'what',
    'compared with',
    'its time',
    'mmpatchioner',
    'ratio',
    'target',
    'result',
    'regions/s',
)
_CSV_HEADER = (
    'what', 'compared_with', 'regions', 'reference_median_s', 'reference_min_s', 'median_s', 'min_s', 'runs',
    'ratio', 'ratio_means', 'target', 'target_met', 'equal', 'checked', 'conditions',
)  # fmt: skip


def conditions(cpu_time: bool) -> str:
    """Processor, cores, threads, versions and clock."""
    threads = torch.get_num_threads()
    return (
        f'{_processor()}, {os.cpu_count()} cores, {threads} thread{"s" * (threads > 1)}, '
        f'Python {platform.python_version()}, torch {torch.__version__}, fp32, '
        + ('processor time' if cpu_time else 'wall-clock time')
    )


def cells(row: Comparison) -> tuple[str, ...]:
    """One line of the table, under :data:`HEADER`."""
    sense = 'of its time' if row.costs else 'faster'
    target = ''
    if row.target is not None:
        limit = 'at most' if row.costs else 'at least'
        target = f'{limit} {row.target:g}: {"met" if row.met else "missed"}'
    return (
        row.name,
        row.reference,
        _seconds(row.reference_time.median),
        _seconds(row.time.median),
        f'{row.ratio:.2f} x {sense}' if row.costs else f'{row.ratio:.1f} x {sense}',
        target,
        row.checked if row.equal else f'DIFFERS, expected {row.checked}',
        f'{row.regions / row.time.median:,.1f}',
    )


def line(row: Comparison) -> str:
    """One line of text."""
    what, reference, reference_time, time, ratio, target, result, _ = cells(row)
    target = f' ({target})' if target else ''
    return f'{what}: {time}, {reference}: {reference_time}; {ratio}{target}; {result}'


def markdown(rows: Sequence[Comparison], conditions: str) -> str:
    """The table in Markdown, with the conditions above it."""
    lines = [conditions + '.', '', _line(HEADER), _line(['---'] * len(HEADER))]
    return '\n'.join(lines + [_line(cells(row)) for row in rows]) + '\n'


def comma_separated(rows: Sequence[Comparison], conditions: str) -> str:
    """The figures as CSV, with more digits than the table and the fastest runs."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(_CSV_HEADER)
    for row in rows:
        theirs, ours = row.reference_time, row.time
        numbers = (theirs.median, min(theirs.seconds), ours.median, min(ours.seconds))
        writer.writerow(
            (
                row.name,
                row.reference,
                row.regions,
                *(f'{number:.6f}' for number in numbers),
                len(ours.seconds),
                f'{row.ratio:.3f}',
                'mmpatchioner / reference' if row.costs else 'reference / mmpatchioner',
                '' if row.target is None else row.target,
                '' if row.met is None else row.met,
                row.equal,
                row.checked,
                conditions,
            )
        )
    return text.getvalue()


def write(path: Path, rows: Sequence[Comparison], conditions: str) -> None:
    """Write the results, whole or not at all: CSV, or Markdown for every other ending.

    A Markdown file that has the two marks keeps everything outside of them.

    Raises:
        ValueError: if the file exists and lacks the marks, since it would be lost.
    """
    if path.suffix == '.csv':
        text = comma_separated(rows, conditions)
    elif path.exists():
        text = _between_marks(path, markdown(rows, conditions))
    else:
        text = markdown(rows, conditions)
    write_atomic(path, text.encode())


def check_target(path: Path) -> None:
    """Refuse before the measurement what :func:`write` would refuse after it.

    Raises:
        ValueError: if the folder is missing, or a Markdown file exists without the marks.
    """
    if not path.parent.is_dir():
        raise ValueError(
            f'--out {path}: expected a file in a folder that exists; make {path.parent}.'
        )
    if path.suffix != '.csv' and path.exists():
        _between_marks(path, '')


def _between_marks(path: Path, table: str) -> str:
    text = path.read_text(encoding='utf-8')
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(
            f'--out {path}: expected a file that does not exist, or one with the lines {BEGIN!r} and {END!r}, '
            'between which the table goes.'
        )
    return f'{before}{begin}\n\n{table}\n{end}{after}'


def _line(texts: Sequence[str]) -> str:
    return '| ' + ' | '.join(texts) + ' |'


def _seconds(seconds: float) -> str:
    return (
        f'{seconds:.2f} s'
        if seconds >= 1
        else f'{1000 * seconds:.{0 if seconds >= 0.1 else 1}f} ms'
    )


def _processor() -> str:
    info = Path('/proc/cpuinfo')
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith('model name'):
                return line.partition(':')[2].strip()
    return platform.processor() or platform.machine()
