"""Scores of captions from boxes and texts: numpy in, numbers out."""

from mmpatchioner.evaluation.functional.caption_scores import CaptionScores, caption_scores
from mmpatchioner.evaluation.functional.densecap_ap import (
    DenseCapResult,
    dense_captioning_map,
    recall_levels,
)
from mmpatchioner.evaluation.functional.densecap_boxes import Variant, box_iou, merge_ground_truth
from mmpatchioner.evaluation.functional.densecap_matching import MatchedImage, match_image
from mmpatchioner.evaluation.functional.java import (
    ExternalToolError,
    JavaNotFoundError,
    MissingPackageError,
)
from mmpatchioner.evaluation.functional.meteor import Meteor, MeteorError
from mmpatchioner.evaluation.functional.meteor_formula import corpus_meteor, segment_meteor
from mmpatchioner.evaluation.functional.meteor_scorer import MeteorScorer
from mmpatchioner.evaluation.functional.recorded_meteor import RecordedMeteor, UnknownPairError
from mmpatchioner.evaluation.functional.tokenization import ptb_tokenize

__all__ = [
    'CaptionScores',
    'DenseCapResult',
    'ExternalToolError',
    'JavaNotFoundError',
    'MatchedImage',
    'Meteor',
    'MeteorError',
    'MeteorScorer',
    'MissingPackageError',
    'RecordedMeteor',
    'UnknownPairError',
    'Variant',
    'box_iou',
    'caption_scores',
    'corpus_meteor',
    'dense_captioning_map',
    'match_image',
    'merge_ground_truth',
    'ptb_tokenize',
    'recall_levels',
    'segment_meteor',
]
