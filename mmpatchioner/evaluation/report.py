"""Scores as people read them, and as a file."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mmpatchioner.evaluation.functional.scoring import ScoreReport
from mmpatchioner.files import write_atomic

_TITLES = {
    'dense': 'Dense captioning',
    'region_set': 'Region-set captioning',
    'trace': 'Trace captioning',
    'image': 'Image captioning',
}
_MAP = ('map', 'detmap')


def print_report(report: ScoreReport, console: Console | None = None) -> None:
    """Print the scores, times 100, with two decimals for the mAP and one for the others, as papers do."""
    console = console or Console()
    table = Table('metric', 'x 100', title=_TITLES[report.task])
    for name, value in report.scores.items():
        table.add_row(name, f'{100 * value:.{2 if name in _MAP else 1}f}')
    console.print(table)
    if report.cells:
        console.print(_cell_table(report.cells))
    counts = report.details
    console.print(
        f'{counts["num_images"]} images, {counts["num_regions"]} annotated regions, '
        f'{counts["num_predictions"]} captions of {report.protocol} regions'
    )
    for name, reason in report.skipped.items():
        console.print(f'{name} was not computed: {reason}', markup=False)


def _cell_table(cells: dict[str, dict[str, float]]) -> Table:
    columns = next(iter(cells.values()))
    table = Table('IoU', *(f'METEOR {name}' if name == 'off' else f'> {name}' for name in columns))
    table.title = 'Average precision x 100'
    for iou, row in cells.items():
        table.add_row(iou, *(f'{100 * value:.2f}' for value in row.values()))
    return table


def write_report(report: ScoreReport, path: str | Path, **context: object) -> None:
    """Write the scores to a JSON file, in full precision.

    Args:
        report: The scores.
        path: The file.
        **context: What else the file tells, e.g. the config.
    """
    content = json.dumps({**context, **report.to_dict()}, indent=1, ensure_ascii=False)
    write_atomic(path, content.encode() + b'\n')
