"""The baseline that crops every region out of its image and captions the crops."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from torch import Tensor

from mmpatchioner.datasets.transforms import PatchView
from mmpatchioner.models.captioners.dense_captioner import DenseCaptioner
from mmpatchioner.models.heads.region_rows import RegionRows
from mmpatchioner.models.necks import PatchFeatures
from mmpatchioner.regions import Regions
from mmpatchioner.registry import MODELS


@MODELS.register_module()
class CropCaptioner(DenseCaptioner):
    """Captions regions as images of their own (the baselines marked with a circle in Table 2 of arXiv 2510.02898).

    The bounding box of every region is cut out of the original image, seen through ``view`` and encoded; what stands
    for the crop, ``caption_head.region_feature``, is bridged and decoded as the region. The neck runs once for every
    region, where a :class:`DenseCaptioner` runs it once for every image. Regions come from the same sources.

    The pipeline needs ``mmpatchioner.KeepImage`` directly after the loading of the image.

    Args:
        view: Arguments of :class:`mmpatchioner.datasets.transforms.PatchView` for the crops. The published baselines
            cut their centre, ``mode='center_crop'``, so that long regions lose their ends.
        crop_batch: Crops, of all images of the batch, that go through the neck at once; changes no result.
        **kwargs: See :class:`DenseCaptioner`.

    Raises:
        ValueError: if ``caption_head.region_feature`` is ``'patches'`` or ``crop_batch`` is not positive.
    """

    def __init__(self, view: dict[str, Any], crop_batch: int = 32, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if self.caption_head.region_feature == 'patches':
            raise ValueError(
                "caption_head.region_feature: a CropCaptioner expects 'image' or 'cls', which stands for a whole crop, "
                "got 'patches'."
            )
        if crop_batch < 1:
            raise ValueError(f'model.crop_batch: expected at least 1, got {crop_batch}.')
        self.view = PatchView(**view)
        self.crop_batch = crop_batch

    def _caption(
        self,
        feats: Callable[[], PatchFeatures],
        regions: Sequence[Sequence[Regions | InstanceData]],
        samples: list[DetDataSample],
        patch_inputs: Tensor,
    ) -> list[InstanceData]:
        rows = [RegionRows.from_entries(entries) for entries in regions]
        crops = (
            self.view(crop)
            for image_rows, sample in zip(rows, samples, strict=True)
            for crop in _crops(image_rows, sample)
        )
        vectors = self._encode(crops).split([len(image_rows) for image_rows in rows])
        return self.caption_head.caption(vectors, rows, samples)

    def _encode(self, crops: Iterator[Tensor]) -> Tensor:
        """What stands for n crops (3, h, w): (n, D)."""
        device = next(self.patch_neck.parameters()).device
        vectors = [torch.zeros(0, self.patch_neck.embed_dims, device=device)]
        shape = (self.view.size, self.view.size)
        # The network sees all that the view left of a crop.
        sample = DetDataSample(
            metainfo=dict(ori_shape=shape, patch_inputs_shape=shape, patch_mode='squash')
        )
        while chunk := list(islice(crops, self.crop_batch)):
            feats = self.patch_neck(torch.stack(chunk).to(device))
            vectors.append(self.caption_head.image_vectors(feats, [sample] * len(chunk)))
        return torch.cat(vectors)


def whole_pixel_boxes(boxes: Tensor, image_size: tuple[int, int]) -> Tensor:
    """Boxes as crops of an image: rounded, inside of it, at least one pixel wide and high.

    Args:
        boxes: (R, 4) xyxy, original pixels.
        image_size: (height, width) of the image.

    Returns:
        (R, 4) int64 xyxy, far edges exclusive.

    Example:
        >>> whole_pixel_boxes(torch.tensor([[-3.0, 2.4, 5.6, 90.0], [7.0, 3.0, 7.0, 3.0]]), (10, 20)).tolist()
        [[0, 2, 6, 10], [7, 3, 8, 4]]
    """
    height, width = image_size
    far = torch.tensor([width, height], device=boxes.device)
    corners = boxes.round().long()
    low = torch.minimum(corners[:, :2].clamp(min=0), far - 1)
    high = torch.maximum(torch.minimum(corners[:, 2:], far), low + 1)
    return torch.cat([low, high], dim=1)


def _crops(rows: RegionRows, sample: DetDataSample) -> Iterator[np.ndarray]:
    """The crops of an image's regions, (h, w, 3) each."""
    image = sample.get('original_image')
    if image is None:
        raise ValueError(
            f'{sample.get("img_path", "an image")}: a CropCaptioner needs `original_image` on the data sample; put '
            "dict(type='mmpatchioner.KeepImage') directly after the loading of the image."
        )
    size = image.shape[:2]
    rows.check_inside(size)
    for x1, y1, x2, y2 in whole_pixel_boxes(rows.boxes(size), size).tolist():
        yield image[y1:y2, x1:x2]
