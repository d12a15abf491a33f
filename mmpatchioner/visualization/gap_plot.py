"""Images and texts in the plane in which they differ most."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mmpatchioner.evaluation.functional.modality_gap import ModalityGap, Vectors, principal_plane
from mmpatchioner.files import replacing

_TEXT_COLOUR = '#2a6f97'
_IMAGE_COLOUR = '#d1495b'


def save_gap_plot(
    panels: Mapping[str, tuple[Vectors, Vectors, ModalityGap]], path: str | os.PathLike[str]
) -> None:
    """Draw a panel for every strategy, all in the plane of the first.

    Args:
        panels: By title, unit vectors of images (I, D) and texts (T, D), and the gap between them.
        path: Picture to write or replace, .png, .svg or .pdf.

    Raises:
        ValueError: if there is no panel.
        OSError: if the folder can not be written.
    """
    if not panels:
        raise ValueError('panels: expected at least one, got none.')
    figure = Figure(figsize=(3.4 * len(panels), 3.8), layout='constrained')
    FigureCanvasAgg(figure)  # draws without a display, whatever backend the process has
    images, texts, _ = next(iter(panels.values()))
    mean, axes = principal_plane(_stack(images, texts))
    drawn = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
    for axis, (title, (images, texts, gap)) in zip(drawn, panels.items(), strict=True):
        for vectors, colour, name in (
            (texts, _TEXT_COLOUR, 'texts'),
            (images, _IMAGE_COLOUR, 'images'),
        ):
            x, y = ((vectors - mean) @ axes).T
            axis.scatter(x, y, s=4, alpha=0.5, linewidths=0, color=colour, label=name)
        axis.set_title(
            f'{title}\ndistance {gap.distance:.2f}, told apart {100 * gap.separability:.0f} %',
            fontsize=9,
        )
        axis.tick_params(labelsize=7)
    drawn[0].legend(fontsize=7, frameon=False, markerscale=3)
    with replacing(path) as scratch:
        figure.savefig(scratch, format=str(path).rpartition('.')[2], dpi=150)


def _stack(images: Vectors, texts: Vectors) -> Vectors:
    """As many of each, so that the plane does not depend on how many there are."""
    count = min(len(images), len(texts))
    return np.concatenate([images[:count], texts[:count]])
