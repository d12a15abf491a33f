"""Measure mmpatchioner against the published way of each step, with the same weights and the same results.

    python tools/benchmark.py                                       # everything, some minutes
    python tools/benchmark.py --rows pooling memory --repeats 5
    python tools/benchmark.py --out docs/benchmark.md docs/benchmark.csv

Nothing is downloaded. What is compared with what is in docs/benchmark.md. The exit code is 1 if a result differs from
what it must be; a target that is missed is only reported.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from benchmarks import report
from benchmarks.comparison import Comparison, Setting, SkippedError
from benchmarks.networks import Sizes, write_tokenizer
from benchmarks.rows import ROWS


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n')[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument(
        '--rows', nargs='+', choices=list(ROWS), default=list(ROWS), metavar='NAME',
        help=f'what to measure, of {", ".join(ROWS)}',
    )  # fmt: skip
    parser.add_argument(
        '--repeats', type=_positive, default=3, help='least number of runs of each side'
    )
    parser.add_argument('--threads', type=_positive, default=2, help="torch's threads")
    parser.add_argument(
        '--out', nargs='+', type=Path, default=[], metavar='FILE',
        help='write the table: .csv, or Markdown, between the marks if the file exists',
    )  # fmt: skip
    parser.add_argument(
        '--tiny', action='store_true', help='tiny models, to test the benchmark itself'
    )
    parser.add_argument(
        '--cpu-time', action='store_true',
        help='one thread, and its processor time: for a machine that is not idle',
    )  # fmt: skip
    args = parser.parse_args(arguments)
    for path in args.out:
        try:
            report.check_target(path)
        except ValueError as error:
            parser.error(str(error))
    return args


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f'expected at least 1, got {text}')
    return number


def main(arguments: Sequence[str] | None = None) -> int:
    args = parse_args(arguments)
    torch.set_num_threads(1 if args.cpu_time else args.threads)
    conditions = report.conditions(args.cpu_time)
    clock = time.process_time if args.cpu_time else time.perf_counter
    sizes = Sizes.tiny() if args.tiny else Sizes()
    results: list[Comparison] = []
    print(conditions, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        setting = Setting(sizes, args.repeats, write_tokenizer(sizes, Path(folder)), clock)
        for name in args.rows:
            try:
                for row in ROWS[name](setting):
                    results.append(row)
                    print(report.line(row), flush=True)
            except SkippedError as error:
                print(f'{name}: skipped. {error}', flush=True)
    for path in args.out:
        report.write(path, results, conditions)
    return 0 if all(row.equal for row in results) else 1


if __name__ == '__main__':
    sys.exit(main())
