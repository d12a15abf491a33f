"""Boxes and phrases as the original evaluation of dense captioning prepares them, for ``variant='lua'``.

Johnson et al. resize every image so that its longer side has 720 pixels, count pixels from 1, and round the annotated
boxes to whole pixels of that image. Published results of detectors are in this frame. The captions are cleaned, long
ones are dropped with their region, and words that are rare in the training set are replaced.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mmpatchioner.datasets.annotations.phrase_cleaning import clean_phrase
from mmpatchioner.evaluation.functional.densecap_boxes import FloatArray, as_boxes

LONGEST_SIDE = 720
MAX_TOKENS = 15
UNKNOWN = '<UNK>'


def lua_ground_truth(
    boxes: ArrayLike,
    phrases: Sequence[str],
    height: int,
    width: int,
    vocabulary: Container[str] | None = None,
) -> tuple[FloatArray, list[str]]:
    """The annotated regions of an image of Visual Genome as the original evaluation sees them.

    Args:
        boxes: (R, 4) as in ``region_descriptions.json``: x and y of the first pixel, counted from 1, width and height.
        phrases: R phrases of that file.
        height: Of the original image, pixels.
        width: Likewise.
        vocabulary: Words of the training set, those seen 15 times or more in the original; any other becomes
            ``<UNK>``. None keeps every word.

    Returns:
        (K, 4) boxes for :func:`.match_image`, xyxy, and K captions, of the regions with 15 words or fewer, in their
        order. An image of which nothing is left gives none, where the original stops with an error.

    Raises:
        ValueError: if boxes and phrases differ in number, boxes are not finite numbers in four columns, a box has a
            negative size, or the image has none.

    Example:
        >>> boxes, captions = lua_ground_truth([[421, 57, 82, 139]], ['The clock is green.'], 600, 800)
        >>> boxes.tolist(), captions
        ([[379.5, 51.0, 452.5, 175.0]], ['the clock is green'])
    """
    array = as_boxes('boxes', boxes)
    if len(phrases) != len(array):
        raise ValueError(
            f'phrases: expected one for each of the {len(array)} boxes, got {len(phrases)}.'
        )
    tokens = [clean_phrase(phrase).split() for phrase in phrases]
    kept = [index for index, words in enumerate(tokens) if len(words) <= MAX_TOKENS]
    captions = [' '.join(_known(tokens[index], vocabulary)) for index in kept]
    return corners_of_centres(lua_boxes(array[kept], height, width)), captions


def lua_boxes(boxes: ArrayLike, height: int, width: int) -> NDArray[np.int32]:
    """Boxes of Visual Genome in whole pixels of the 720-pixel image, as centre, width and height.

    Position and size are scaled and rounded, halves away from zero. The corner is brought to 1..719 and the size cut at
    720, in both directions alike: the empty margin beside the shorter side counts as image. The centre is the corner
    plus half the size, rounded down.

    Args:
        boxes: (R, 4) x and y, counted from 1, width and height, in pixels of the original image.
        height: Of the original image, pixels.
        width: Likewise.

    Returns:
        (R, 4) centre x and y, width and height.

    Raises:
        ValueError: if boxes are not finite numbers in four columns, one has a negative size, or the image has none.

    Example:
        >>> lua_boxes([[421, 57, 82, 139]], height=600, width=800).tolist()
        [[416, 113, 74, 125]]
    """
    array = as_boxes('boxes', boxes)
    if (array[:, 2:] < 0).any():
        raise ValueError(
            'boxes: expected x, y, width and height with sizes of 0 or more, got '
            f'{array[(array[:, 2:] < 0).any(axis=1)][0].tolist()}.'
        )
    scale = _scale(height, width)
    first = _round_half_away(scale * (array[:, :2] - 1) + 1).clip(1, LONGEST_SIDE - 1)
    size = np.minimum(_round_half_away(scale * array[:, 2:]), LONGEST_SIDE - first)
    return np.concatenate([first + np.floor(size / 2), size], axis=1).astype(np.int32)


def lua_predictions(boxes: ArrayLike, height: int, width: int) -> FloatArray:
    """Predicted boxes in the frame of :func:`lua_ground_truth`, without rounding.

    The box is multiplied by 720 over the longer side, as GRiT does with its results, and handed over as centre, width
    and height, as the original wants it.

    Args:
        boxes: (N, 4) xyxy in pixels of the original image.
        height: Of the original image, pixels.
        width: Likewise.

    Returns:
        (N, 4) boxes for :func:`.match_image`, xyxy.

    Raises:
        ValueError: if boxes are not finite numbers in four columns, or the image has no size.

    Example:
        >>> lua_predictions([[420, 56, 502, 195]], height=600, width=800).round(1).tolist()
        [[378.5, 50.9, 451.3, 175.0]]
    """
    scaled = _scale(height, width) * as_boxes('boxes', boxes)
    low, high = scaled[:, :2], scaled[:, 2:]
    return corners_of_centres(np.concatenate([(low + high) / 2, high - low], axis=1))


def corners_of_centres(boxes: ArrayLike) -> FloatArray:
    """Boxes (N, 4) of centre, width and height to the inclusive corners that the original compares.

    Example:
        >>> corners_of_centres([[416, 113, 74, 125]]).tolist()
        [[379.5, 51.0, 452.5, 175.0]]
    """
    array = as_boxes('boxes', boxes)
    centre, half = array[:, :2], (array[:, 2:] - 1) / 2
    return np.concatenate([centre - half, centre + half], axis=1)


def _known(words: Sequence[str], vocabulary: Container[str] | None) -> Sequence[str]:
    if vocabulary is None:
        return words
    return [word if word in vocabulary else UNKNOWN for word in words]


def _scale(height: int, width: int) -> float:
    if height < 1 or width < 1:
        raise ValueError(f'height, width: expected the size of the image, got {height} x {width}.')
    return LONGEST_SIDE / max(height, width)


def _round_half_away(values: FloatArray) -> FloatArray:
    """As Python 2 rounds."""
    magnitude = np.abs(values)
    whole = np.floor(magnitude)
    return np.copysign(whole + (magnitude - whole >= 0.5), values)
