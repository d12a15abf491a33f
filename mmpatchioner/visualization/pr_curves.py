"""Precision-recall curves of dense captioning as a picture."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mmpatchioner.evaluation.functional.densecap_ap import DenseCapResult
from mmpatchioner.evaluation.functional.densecap_boxes import FloatArray
from mmpatchioner.files import replacing

_PANEL_INCHES = (3.2, 4.2)
_INK = '#1c1e22'
_GRID = '#d9dade'


def draw_pr_curves(result: DenseCapResult) -> Figure:
    """Draw a panel for every IoU threshold, with a curve for every METEOR threshold.

    The curves are those whose mean is the average precision, which the legend tells in percent. The dashed one ignores
    the text.

    Args:
        result: Of :func:`mmpatchioner.evaluation.functional.dense_captioning_map`.
    """
    count = len(result.iou_thrs)
    width, height = _PANEL_INCHES
    figure = Figure(figsize=(count * width, height), layout='constrained')
    FigureCanvasAgg(figure)  # draws without a display, whatever backend the process has
    panels = figure.subplots(1, count, sharex=True, sharey=True, squeeze=False)[0]
    for panel, iou_thr in zip(panels, result.iou_thrs, strict=True):
        _draw_panel(panel, result, iou_thr)
    panels[0].set_ylabel('precision')
    figure.suptitle(_title(result), color=_INK, fontsize=10)
    return figure


def save_pr_curves(result: DenseCapResult, path: str | os.PathLike[str]) -> None:
    """Draw the curves, see :func:`draw_pr_curves`, to a file that is there whole or not at all.

    Args:
        result: Of :func:`mmpatchioner.evaluation.functional.dense_captioning_map`.
        path: Picture to write or replace; its ending names the format, e.g. ``.png``, ``.svg`` or ``.pdf``.

    Raises:
        ValueError: if the ending names no format that matplotlib can write.
        OSError: if the folder can not be written.
    """
    figure = draw_pr_curves(result)
    ending = Path(path).suffix.lstrip('.').lower()
    formats = sorted(figure.canvas.get_supported_filetypes())
    if ending not in formats:
        raise ValueError(
            f'path: expected an ending of {", ".join(formats)}, got {os.fspath(path)!r}.'
        )
    with replacing(path) as scratch:
        figure.savefig(scratch, format=ending, dpi=150)


def _draw_panel(panel: Axes, result: DenseCapResult, iou_thr: float) -> None:
    shades = colormaps['viridis']
    count = len(result.meteor_thrs)
    for index, meteor_thr in enumerate(result.meteor_thrs):
        shade = shades(0.9 * index / max(count - 1, 1))
        _draw_curve(panel, result.curve(iou_thr, meteor_thr), f'> {meteor_thr:g}', color=shade)
    _draw_curve(panel, result.curve(iou_thr), 'any text', color=_INK, linestyle='--')
    panel.set(xlim=(0, 1), ylim=(0, 1.02), xlabel='recall')
    panel.set_title(f'IoU \N{GREATER-THAN OR EQUAL TO} {iou_thr:g}', color=_INK, fontsize=9)
    panel.grid(color=_GRID, linewidth=0.6)
    panel.tick_params(labelsize=7)
    for side in ('top', 'right'):
        panel.spines[side].set_visible(False)
    panel.legend(
        title='METEOR: average precision', title_fontsize=7, fontsize=7, ncols=2, frameon=False,
        loc='upper center', bbox_to_anchor=(0.5, -0.18),
    )  # fmt: skip


def _draw_curve(panel: Axes, curve: tuple[FloatArray, FloatArray], name: str, **style: Any) -> None:
    recalls, precisions = curve
    label = f'{name}: {100 * precisions.mean():.1f}'
    panel.step(recalls, precisions, where='pre', linewidth=1.3, label=label, **style)


def _title(result: DenseCapResult) -> str:
    regions = f'regions alone {100 * result.detmap:.2f}'
    means = regions if result.map is None else f'mAP {100 * result.map:.2f}, {regions}'
    return f'{means}  ({result.npos:,} annotated, {result.n_records:,} predicted, {result.variant})'
