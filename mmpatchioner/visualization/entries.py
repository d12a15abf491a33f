"""Captioned regions as plain dictionaries: what result files hold and drawings read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.structures import InstanceData

from mmpatchioner.regions import Regions
from mmpatchioner.regions.parsing import encode_mask


def region_entries(
    instances: InstanceData,
    image_size: tuple[int, int],
    regions: Regions | None = None,
    classes: Sequence[str] | None = None,
) -> list[dict[str, Any]]:
    """Turn the predictions for one image into entries of a result file.

    Args:
        instances: Predictions of a captioner: those for ``regions`` first, then those for the regions it found.
        image_size: (height, width) of the original image.
        regions: The regions that were asked for, ``None`` if none were.
        classes: Names of the detector's classes; a label without a name is written as its number, and with
            ``None`` no label is written.

    Returns:
        For each region ``kind``, its geometry (``bbox``, ``bboxes``, ``points`` or ``mask``), ``caption``,
        ``caption_score`` and, where a detector gave them, ``detection_score`` and ``label``. Pixels are rounded to two
        decimals and scores to four. Every number is finite; a score that is not becomes ``None`` or is left out.
    """
    entries = [] if regions is None else regions.to_dicts(image_size)
    entries = [*entries, *_found(instances, start=len(entries))]
    caption_scores, scores, labels = (
        instances.get(name).tolist() for name in ('caption_scores', 'scores', 'labels')
    )
    for index, entry in enumerate(entries):
        for name in ('bbox', 'bboxes', 'points'):
            if name in entry:
                entry[name] = np.round(np.asarray(entry[name], dtype=np.float64), 2).tolist()
        entry['caption'] = instances.captions[index]
        score = caption_scores[index]
        entry['caption_score'] = round(score, 4) if math.isfinite(score) else None
        if math.isfinite(scores[index]):
            entry['detection_score'] = round(scores[index], 4)
        label = labels[index]
        if classes is not None and label >= 0:
            entry['label'] = classes[label] if label < len(classes) else label
    return entries


def _found(instances: InstanceData, start: int) -> list[dict[str, Any]]:
    """Geometry of the regions that the model found by itself: those from ``start`` on."""
    boxes = instances.bboxes[start:].tolist()
    masks = instances.get('masks')
    found: list[dict[str, Any]] = []
    for offset, (kind, box) in enumerate(zip(instances.kinds[start:], boxes, strict=True)):
        entry: dict[str, Any] = {'kind': kind, 'bbox': box}
        if kind == 'mask':
            if masks is None:
                entry['kind'] = 'box'
            else:
                entry['mask'] = encode_mask(torch.as_tensor(masks[start + offset]))
        found.append(entry)
    return found
