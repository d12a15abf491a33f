"""Scores of captions from boxes and texts: numpy in, numbers out."""

from mmpatchioner.evaluation.functional.densecap_ap import (
    DenseCapResult,
    dense_captioning_map,
    recall_levels,
)
from mmpatchioner.evaluation.functional.densecap_boxes import Variant, box_iou, merge_ground_truth
from mmpatchioner.evaluation.functional.densecap_matching import MatchedImage, match_image

__all__ = [
    'DenseCapResult',
    'MatchedImage',
    'Variant',
    'box_iou',
    'dense_captioning_map',
    'match_image',
    'merge_ground_truth',
    'recall_levels',
]
