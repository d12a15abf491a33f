"""The image as it was loaded, before any detector's transform."""

from __future__ import annotations

from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from mmpatchioner.registry import TRANSFORMS


def original_image(results: dict[str, Any], transform: str) -> np.ndarray:
    """The image (H, W, 3) of a pipeline that has not changed it yet.

    Args:
        results: Of the pipeline.
        transform: Who asks, for the message.

    Raises:
        ValueError: if the image was changed before.
    """
    image = results['img']
    if 'ori_shape' in results and tuple(results['ori_shape'][:2]) != image.shape[:2]:
        raise ValueError(
            f'{transform}: expected the original image of {tuple(results["ori_shape"][:2])}, got '
            f'{image.shape[:2]}; put {transform} directly after the loading of the image.'
        )
    return image


@TRANSFORMS.register_module()
class KeepImage(BaseTransform):
    """Keep the image as it was loaded, for captioners that cut regions out of it.

    Put it directly after the loading of the image, before ``AddPatchView``.

    Required keys: ``img``. Added keys: ``original_image`` (H, W, 3), which ``PackCaptionInputs`` puts on the data
    sample.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Add a copy of the image.

        Raises:
            ValueError: if the image was changed before.
        """
        results['original_image'] = original_image(results, 'KeepImage').copy()
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'
