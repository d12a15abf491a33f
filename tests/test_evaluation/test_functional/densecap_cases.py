"""Images with predictions and annotations, and the definition of the mAP step by step, as slowly as it reads."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from hypothesis import strategies as st

from mmpatchioner.evaluation.functional import MatchedImage, match_image

IOU_THRS = (0.3, 0.4, 0.5, 0.6, 0.7)
METEOR_THRS = (0, 0.05, 0.1, 0.15, 0.2, 0.25)
TEXTS = ('a dog', 'the dog', 'a cat', '', 'sky')


@dataclass(frozen=True)
class Image:
    """What :func:`match_image` is given."""

    pred_boxes: tuple = ()
    pred_scores: tuple = ()
    pred_captions: tuple = ()
    gt_boxes: tuple = ()
    gt_captions: tuple = ()

    @classmethod
    def of(cls, predictions=(), annotations=()):
        """From (box, score, caption) and (box, caption)."""
        boxes, scores, captions = zip(*predictions, strict=True) if predictions else ((), (), ())
        gt_boxes, gt_captions = zip(*annotations, strict=True) if annotations else ((), ())
        return cls(boxes, scores, captions, gt_boxes, gt_captions)

    def match(self, variant) -> MatchedImage:
        return match_image(
            self.pred_boxes, self.pred_scores, self.pred_captions, self.gt_boxes, self.gt_captions,
            variant=variant,
        )  # fmt: skip

    def shifted(self, dx, dy):
        def move(boxes):
            return tuple((x + dx, y + dy, right + dx, low + dy) for x, y, right, low in boxes)

        return replace(self, pred_boxes=move(self.pred_boxes), gt_boxes=move(self.gt_boxes))


# A coarse grid: overlaps, equal overlaps and boxes without area are common.
BOXES = st.builds(
    lambda x, y, width, height: (x, y, x + width, y + height),
    st.integers(0, 9), st.integers(0, 9), st.integers(0, 8), st.integers(0, 8),
)  # fmt: skip
THIRDS = st.builds(lambda box: tuple(side / 3 for side in box), BOXES)
# Some differ in float64 only, some are 0 in float32.
SCORES = st.sampled_from([0.1, 0.1 + 1e-12, 0.5, 0.5 - 1e-12, 1e-60, 1e-70, 0.0, 1.0, 40.0])
CAPTIONS = st.sampled_from(TEXTS)
IMAGES = st.builds(
    Image.of,
    st.lists(st.tuples(BOXES | THIRDS, SCORES, CAPTIONS), max_size=8),
    st.lists(st.tuples(BOXES | THIRDS, CAPTIONS), max_size=8),
)
VARIANTS = st.sampled_from(['port', 'lua'])


def toy_meteor(pairs):
    """Scores on and beside the thresholds, the best of the references as in METEOR."""
    levels = (0.0, 0.05, 0.1, 0.1000001, 0.2, 0.25, 0.3, 1.0)

    def score(hypothesis, reference):
        return levels[(3 * len(hypothesis) + 5 * len(reference) + (hypothesis == reference)) % 8]

    return [max((score(text, ref) for ref in refs), default=0.0) for text, refs in pairs]


def literal_iou(a, b, variant):
    if variant == 'lua':
        a, b = ([float(np.float32(side)) for side in box] for box in (a, b))
    more = 1 if variant == 'lua' else 0
    width = min(a[2], b[2]) - max(a[0], b[0]) + more
    height = min(a[3], b[3]) - max(a[1], b[1]) + more
    areas = [(box[2] - box[0] + more) * (box[3] - box[1] + more) for box in (a, b)]
    overlap = max(width, 0.0) * max(height, 0.0)
    union = areas[0] + areas[1] - overlap
    return overlap / union if union else math.nan


def literal_merge(boxes, captions, variant):
    count = len(boxes)
    overlap = [[literal_iou(a, b, variant) for b in boxes] for a in boxes]
    if variant == 'lua':
        for index in range(count):
            overlap[index][index] = 1.0
    merged, references = [], []
    while True:
        good = [[value >= 0.7 for value in row] for row in overlap]
        hits = [sum(good[row][column] for row in range(count)) for column in range(count)]
        if not any(hits):
            return merged, references
        best = hits.index(max(hits))
        group = [column for column in range(count) if good[best][column]]
        merged.append(literal_mean([boxes[index] for index in group], variant))
        references.append([captions[index] for index in group])
        for row in range(count):
            for column in range(count):
                if row in group or column in group:
                    overlap[row][column] = 0.0


def literal_mean(boxes, variant):
    if variant == 'port':
        return [sum(sides) / len(boxes) for sides in zip(*boxes, strict=True)]
    totals = [
        np.float32(sum(float(np.float32(s)) for s in side)) for side in zip(*boxes, strict=True)
    ]
    return [float(total / np.float32(len(boxes))) for total in totals]


def literal_match(image, variant):
    """Records (score, ok, overlap, text, references) in ranked order, and the number of merged annotations."""
    real = np.float32 if variant == 'port' else float
    boxes, references = literal_merge(image.gt_boxes, image.gt_captions, variant)
    with np.errstate(under='ignore'):
        ranked = sorted(
            zip(map(real, image.pred_scores), image.pred_boxes, image.pred_captions, strict=True),
            key=lambda prediction: -prediction[0],
        )
    used = [False] * len(boxes)
    records = []
    for score, box, text in ranked:
        best, target = 0.0, -1
        for index, annotated in enumerate(boxes):
            overlap = literal_iou(box, annotated, variant)
            if overlap > best:
                best, target = overlap, index
        if boxes and (target >= 0 or variant == 'lua'):
            ok = not used[target]  # -1 is the last one
            used[target] = True
        else:
            ok = False
        records.append((score, ok, best, text, references[target] if target >= 0 else []))
    return records, len(boxes)


def literal_levels(variant):
    if variant == 'port':
        # k/100 in float32, but one unit in the last place below or above it as torch.arange has them.
        below = (9, 15, 18, 23, 27, 30, 33, 36, 49, 54, 66, 67, 91)
        above = (42, 45, 76, 77, 78, 84)
        levels = [np.float32(k / 100) for k in range(100)]
        for steps, towards in ((below, -1), (above, 1)):
            for k in steps:
                levels[k] = np.nextafter(levels[k], np.float32(towards))
        return levels
    levels = [0.0]
    while len(levels) < 100:
        levels.append(levels[-1] + 0.01)
    return levels


def literal_map(images, variant, strict_npos=True, meteor=toy_meteor):
    """Average precision by cell, (IoU, METEOR or None), with METEOR of every record; and the number of annotations."""
    matched = [literal_match(image, variant) for image in images]
    npos = sum(count for records, count in matched if strict_npos or records)
    records = sorted(
        (record for records, _ in matched for record in records), key=lambda record: -record[0]
    )
    scores = meteor([(text, references) for _, _, _, text, references in records])
    cells = {}
    for iou_thr in IOU_THRS:
        for meteor_thr in (None, *METEOR_THRS):
            gate = -1 if meteor_thr is None else meteor_thr
            hits = [
                bool(references) and ok and overlap >= iou_thr and score > gate
                for (_, ok, overlap, _, references), score in zip(records, scores, strict=True)
            ]
            cells[iou_thr, meteor_thr] = literal_ap(hits, npos, variant)
    return cells, npos


def literal_ap(hits, npos, variant):
    real = np.float32 if variant == 'port' else float
    true, points = 0, []
    for rank, hit in enumerate(hits, start=1):
        true += hit
        points.append((real(true) / real(npos) if npos else 0.0, real(true) / real(rank)))
    best = [
        max((precision for recall, precision in points if recall >= level), default=0.0)
        for level in literal_levels(variant)
    ]
    return float(sum(map(float, best))) / 100
