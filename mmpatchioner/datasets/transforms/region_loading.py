"""From the annotated regions of an image to those that the captioner is asked for."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.logging import print_log

from mmpatchioner.regions import PatchGrid, Regions
from mmpatchioner.regions.checks import MAX_COORDINATE
from mmpatchioner.regions.geometry import Window, boxes_overlap
from mmpatchioner.registry import TRANSFORMS

Coordinates = Sequence[Sequence[float]]


@TRANSFORMS.register_module()
class LoadCaptionRegions(BaseTransform):
    """Ask the captioner for the regions that a dataset annotates, each in its row.

    An evaluation captions every annotated region, so that none is refused here. What has no part in the image is
    replaced, told in the log once a process, and counted in ``region_notes``, which the data sample keeps:

    * a box that lies outside, or is inverted, is captioned as the nearest patch; one that reaches over the border stays
      as it is, for only its part inside is pooled;
    * a set without boxes, and a trace without a point inside of the image, are captioned as the whole image.

    Put it after ``AddPatchView``, which tells what the network sees, and before any transform of a detector.

    Required keys: ``img``, ``patch_inputs``, ``patch_mode``, ``gt_regions``: all of one kind, with ``bbox``, ``bboxes``
    (xyxy, pixels of the image), ``points`` (shares of its width and height), or none of them for the whole image.
    Added keys: ``regions``, a :class:`mmpatchioner.regions.Regions` with one row an entry of ``gt_regions``, in its
    order; ``region_notes``, a dict of counts.
    """

    def __init__(self) -> None:
        self._logged: set[str] = set()

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Add the regions; ``gt_regions`` is left as it is.

        Raises:
            KeyError: if a key is missing.
            ValueError: if the regions are of several kinds, or several are the whole image.
        """
        for key, remedy in _REMEDIES.items():
            if key not in results:
                raise KeyError(f'LoadCaptionRegions: `{key}` is missing; {remedy}.')
        image = _SeenImage(results)
        kind = _kind(results['gt_regions'], results.get('img_path'))
        if kind is not None:
            results['regions'] = _READERS[kind](results['gt_regions'], image)
        else:
            results['regions'] = Regions()
        if kind in ('bbox', 'bboxes'):
            image.compare_sizes(results.get('height'), results.get('width'))
        results['region_notes'] = dict(image.notes)
        self._log(image.notes, results.get('img_path', 'an image'))
        return results

    def _log(self, notes: Counter[str], image: str) -> None:
        """Log what is seen for the first time."""
        for note in sorted(notes.keys() - self._logged):
            self._logged.add(note)
            print_log(
                f'{image}: {note} ({notes[note]}); further ones are only counted, in `region_notes`',
                logger='current',
                level=logging.WARNING,
            )

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'


class _SeenImage:
    """What the network sees of an image, and what was noticed about the regions in it.

    Args:
        results: Of a pipeline, with the image as it was loaded and the view of it.
    """

    def __init__(self, results: dict[str, Any]) -> None:
        self.size: tuple[int, int] = results['img'].shape[:2]
        self.input_size: tuple[int, int] = tuple(results['patch_inputs'].shape[-2:])
        # The window is the same for every size of patches.
        grid = PatchGrid(self.size, self.input_size, 1, results['patch_mode'])
        self.window: Window = grid.window
        self.notes: Counter[str] = Counter()

    def with_part_inside(self, boxes: Coordinates) -> np.ndarray:
        """Boxes (K, 4) as they are, but for those without a part in the window: the nearest place in it."""
        rows = np.array(boxes, dtype=np.float64).reshape(-1, 4)
        overlap = boxes_overlap(torch.from_numpy(rows), self.window).numpy()
        inverted = (rows[:, :2] > rows[:, 2:]).any(axis=1)
        bad = ~overlap | inverted | (abs(rows) >= MAX_COORDINATE).any(axis=1)
        if bad.any():
            left, top, right, bottom = self.window
            rows[bad] = rows[bad].clip((left, top, left, top), (right, bottom, right, bottom))
            rows[bad, 2:] = np.maximum(rows[bad, :2], rows[bad, 2:])
            self.notes[
                'boxes outside of the image or inverted, captioned as the nearest patch'
            ] += int(bad.sum())
        return rows

    def every_pixel(self) -> np.ndarray:
        """A trace that visits every pixel of the network's input once, (h * w, 2): the mean of all patches."""
        left, top, right, bottom = self.window
        height, width = self.input_size
        x = left + (np.arange(width) + 0.5) * (right - left) / width
        y = top + (np.arange(height) + 0.5) * (bottom - top) / height
        return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)

    def compare_sizes(self, height: int | None, width: int | None) -> None:
        """Note if the boxes were drawn in an image of another size."""
        if None not in (height, width) and (height, width) != self.size:
            self.notes[
                'images of another size than annotated, whose boxes may be off; use the original files'
            ] += 1


def _boxes(regions: Sequence[dict[str, Any]], image: _SeenImage) -> Regions:
    return Regions.from_inputs(boxes=image.with_part_inside([region['bbox'] for region in regions]))


def _sets(regions: Sequence[dict[str, Any]], image: _SeenImage) -> Regions:
    sets = []
    for region in regions:
        if not len(region['bboxes']):
            image.notes['sets without boxes, which are captioned as the whole image'] += 1
        sets.append(image.with_part_inside(region['bboxes'] or [image.window]))
    return Regions.from_inputs(region_sets=sets)


def _traces(regions: Sequence[dict[str, Any]], image: _SeenImage) -> Regions:
    height, width = image.size
    left, top, right, bottom = image.window
    traces = []
    for region in regions:
        points = np.asarray(region['points'], dtype=np.float64).reshape(-1, 2) * (width, height)
        points = points[((points >= (left, top)) & (points <= (right, bottom))).all(axis=1)]
        if not len(points):
            image.notes[
                'traces without a point inside, which are captioned as the whole image'
            ] += 1
        traces.append(points if len(points) else image.every_pixel())
    return Regions.from_inputs(traces=traces)


def _whole_image(regions: Sequence[dict[str, Any]], _image: _SeenImage) -> Regions:
    if len(regions) > 1:
        raise ValueError(
            f'gt_regions: expected the whole image once, got {len(regions)} entries without coordinates; join their '
            'captions.'
        )
    return Regions.from_inputs(whole_image=True)


_READERS: dict[str, Callable[[Sequence[dict[str, Any]], _SeenImage], Regions]] = {
    'bbox': _boxes,
    'bboxes': _sets,
    'points': _traces,
    'image': _whole_image,
}
_REMEDIES = {
    'img': 'load the image first',
    'patch_inputs': 'put mmpatchioner.AddPatchView before it',
    'gt_regions': "use one of mmpatchioner's datasets of captioned regions",
}


def _kind(regions: Sequence[dict[str, Any]], image: str | None) -> str | None:
    """What all regions of an image are given by; None if there are none."""
    kinds = {
        next((name for name in ('bbox', 'bboxes', 'points') if name in region), 'image')
        for region in regions
    }
    if len(kinds) > 1:
        raise ValueError(
            f'gt_regions of {image}: expected regions of one kind, got {sorted(kinds)}; make a dataset of each.'
        )
    return kinds.pop() if kinds else None
