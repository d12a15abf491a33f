"""The captioner's own view of an image, independent of the detector's pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from PIL import Image
from torch import Tensor

from mmpatchioner.datasets.transforms.original_image import original_image
from mmpatchioner.regions import PatchGrid
from mmpatchioner.registry import TRANSFORMS

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


class PatchView:
    """Resize and normalise an image for a vision backbone.

    The resampling is Pillow's antialiased bicubic, with which the published features were made; OpenCV's bicubic is
    not antialiased and gives others.

    Args:
        size: Height and width of the network input in pixels, a multiple of the backbone's patch size.
        mode: ``'squash'`` resizes to size x size and loses the aspect ratio (the published runs);
            ``'center_crop'`` resizes the short side and cuts the centre.
        mean: Per channel, RGB, for values in [0, 1].
        std: Likewise.

    Example:
        >>> view = PatchView(size=28)
        >>> tuple(view(np.zeros((40, 60, 3), dtype=np.uint8)).shape)
        (3, 28, 28)
    """

    def __init__(
        self,
        size: int = 518,
        mode: Literal['squash', 'center_crop'] = 'squash',
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
    ) -> None:
        if mode not in ('squash', 'center_crop'):
            raise ValueError(f"mode: expected 'squash' or 'center_crop', got {mode!r}.")
        if size < 1:
            raise ValueError(f'size: expected a positive number of pixels, got {size}.')
        self.size = size
        self.mode = mode
        self.mean = torch.tensor(mean).view(3, 1, 1)
        self.std = torch.tensor(std).view(3, 1, 1)

    def __call__(self, image: np.ndarray) -> Tensor:
        """View an image.

        Args:
            image: (H, W, 3) uint8, BGR as mmcv loads it.

        Returns:
            (3, size, size) fp32, RGB, normalised.

        Raises:
            ValueError: if the image is of another shape or type.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise ValueError(
                f'image: expected (H, W, 3) uint8 in BGR order, got {image.shape} {image.dtype}; '
                "load it with LoadImageFromFile(color_type='color')."
            )
        picture = Image.fromarray(np.ascontiguousarray(image[..., ::-1]))
        if self.mode == 'squash':
            picture = picture.resize((self.size, self.size), Image.Resampling.BICUBIC)
        else:
            picture = self._center_crop(picture)
        pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 255
        return (pixels - self.mean) / self.std

    def _center_crop(self, picture: Image.Image) -> Image.Image:
        width, height = picture.size
        short = min(width, height)
        width, height = (int(self.size * side / short) for side in (width, height))
        left, top = (round((side - self.size) / 2) for side in (width, height))
        resized = picture.resize((width, height), Image.Resampling.BICUBIC)
        return resized.crop((left, top, left + self.size, top + self.size))

    def grid(self, ori_shape: tuple[int, int], patch_size: int) -> PatchGrid:
        """The patch grid of an image of ``ori_shape`` (height, width) under this view."""
        return PatchGrid(ori_shape, (self.size, self.size), patch_size, self.mode)


@TRANSFORMS.register_module()
class AddPatchView(BaseTransform):
    """Add ``patch_inputs`` to the results, made from the image as it was loaded.

    Put it directly after the loading of the image and before any transform of the detector.

    Required keys: ``img``. Added keys: ``patch_inputs`` (3, size, size), ``patch_mode``.

    Args:
        **view: Arguments of :class:`PatchView`.
    """

    def __init__(self, **view) -> None:  # type: ignore[no-untyped-def]
        self.view = PatchView(**view)

    def transform(self, results: dict) -> dict:
        """Add the view; ``results['img']`` is left as it is.

        Raises:
            ValueError: if the image was changed before.
        """
        results['patch_inputs'] = self.view(original_image(results, 'AddPatchView'))
        results['patch_mode'] = self.view.mode
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(size={self.view.size}, mode={self.view.mode!r})'
