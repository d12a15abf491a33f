"""The region-supervised baseline that looks at an image anew for every region."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from torch import Tensor
from torch.nn import functional as F

from mmpatchioner.models.captioners.dense_captioner import DenseCaptioner
from mmpatchioner.models.heads.region_rows import RegionRows
from mmpatchioner.models.necks import AlphaCLIPNeck, PatchFeatures
from mmpatchioner.regions import PatchGrid, Regions, region_weights
from mmpatchioner.registry import MODELS


@MODELS.register_module()
class AlphaCLIPCaptioner(DenseCaptioner):
    """Captions regions as AlphaCLIP sees them: the whole image, and a mask of the region (Table 2 of arXiv 2510.02898).

    What stands for a region is the class token (``caption_head.region_feature='cls'``) or the mean of the patches,
    weighted by how much of them its mask covers (``'patches'``). The mask is drawn in pixels of the network's input:
    every pixel that shares an area with a box, with one of the boxes of a set, or with a mask; the pixels that a trace
    visits; all of them for the whole image. Regions come from the same sources as those of a :class:`DenseCaptioner`.

    Args:
        region_batch: Regions, of all images of the batch, that go through the neck at once; changes no result.
        **kwargs: See :class:`DenseCaptioner`; ``neck`` is an :class:`AlphaCLIPNeck`.

    Raises:
        ValueError: if the neck is another, ``caption_head.region_feature`` is ``'image'``, or ``region_batch`` is not
            positive.
    """

    def __init__(self, region_batch: int = 32, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(self.patch_neck, AlphaCLIPNeck):
            raise ValueError(
                'model.neck: an AlphaCLIPCaptioner expects an AlphaCLIPNeck, got '
                f'{type(self.patch_neck).__name__}, which reads no masks; take a DenseCaptioner.'
            )
        if self.caption_head.region_feature == 'image':
            raise ValueError(
                "caption_head.region_feature: an AlphaCLIPCaptioner expects 'cls' or 'patches', got 'image'."
            )
        if region_batch < 1:
            raise ValueError(f'model.region_batch: expected at least 1, got {region_batch}.')
        self.region_batch = region_batch

    def _caption(
        self,
        feats: Callable[[], PatchFeatures],
        regions: Sequence[Sequence[Regions | InstanceData]],
        samples: list[DetDataSample],
        patch_inputs: Tensor,
    ) -> list[InstanceData]:
        rows = [RegionRows.from_entries(entries) for entries in regions]
        counts = [len(image_rows) for image_rows in rows]
        masks = torch.cat(
            [input_masks(image_rows, s) for image_rows, s in zip(rows, samples, strict=True)]
        )
        images = torch.repeat_interleave(torch.arange(len(rows)), torch.tensor(counts))
        vectors = self._encode(patch_inputs, masks, images).split(counts)
        return self.caption_head.caption(vectors, rows, samples)

    def _encode(self, patch_inputs: Tensor, masks: Tensor, images: Tensor) -> Tensor:
        """What stands for R regions with masks (R, h, w) in their images (R,): (R, D)."""
        device = patch_inputs.device
        vectors = [torch.zeros(0, self.patch_neck.embed_dims, device=device)]
        chunks = zip(masks.split(self.region_batch), images.split(self.region_batch), strict=True)
        for some_masks, some_images in chunks:
            if len(some_masks):
                some_masks = some_masks.to(device)
                seen = self.patch_neck.encode_regions(
                    patch_inputs, some_masks, some_images.to(device)
                )
                vectors.append(self._vectors(seen, some_masks))
        return torch.cat(vectors)

    def _vectors(self, feats: PatchFeatures, masks: Tensor) -> Tensor:
        if self.caption_head.region_feature == 'cls':
            assert feats.cls is not None  # AlphaCLIPNeck
            return feats.cls
        covered = F.avg_pool2d(masks[:, None].float(), self.patch_neck.patch_size).flatten(1)
        weights = covered / covered.sum(dim=1, keepdim=True)  # (R, N)
        return torch.einsum('rn,rnd->rd', weights, feats.patches)


def input_masks(rows: RegionRows, sample: DetDataSample) -> Tensor:
    """Masks of regions on the network's input.

    Args:
        rows: The regions of an image.
        sample: Its meta information: ``ori_shape``, ``patch_inputs_shape``, ``patch_mode``.

    Returns:
        (R, h, w) bool, in the order asked, at least one pixel each.

    Raises:
        RegionError: if a region lies outside of what the network sees.
    """
    height, width = sample.patch_inputs_shape
    pixels = PatchGrid(tuple(sample.ori_shape[:2]), (height, width), 1, sample.patch_mode)
    if not len(rows):
        return torch.zeros(0, height, width, dtype=torch.bool)
    return rows.weights(lambda regions: region_weights(regions, pixels) > 0).view(-1, height, width)
