"""Regions with no detector: segments of the patch features themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmcv.ops import nms
from mmdet.models.detectors.base import BaseDetector
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from scipy import linalg, ndimage
from torch import Tensor

from mmpatchioner.models.heads.patchioner_head import patch_grid
from mmpatchioner.models.necks import PatchFeatures
from mmpatchioner.regions import PatchGrid
from mmpatchioner.registry import MODELS


@MODELS.register_module()
class PatchProposalDetector(BaseDetector):
    """Class-agnostic boxes by normalised cuts of the graph of patches.

    The patches of an image are the nodes of a graph whose edges are cosine similarities above a threshold. The
    leading eigenvectors of its normalised Laplacian (Shi & Malik 2000; on DINO features TokenCut, arXiv 2202.11539)
    embed the patches; k-means in that embedding at several k gives segments from coarse to fine. Each connected
    component is a region, scored by how much more alike its patches are to each other than to their surroundings,
    less for small ones; non-maximum suppression removes the repetitions between scales. Deterministic, no learned
    parameter.

    Args:
        neck: Config of a neck, to run as a detector of its own; None when a :class:`DenseCaptioner` hands it features.
        num_segments: The values of k.
        similarity_thr: Cosine below which two patches are not neighbours, after centring.
        min_patches: Smallest region, in patches.
        max_area: Largest region, as a share of the grid.
        nms_iou_thr: Overlap above which the lower-scored box goes.
        max_per_img: At most so many boxes of an image, best first.
        full_area: Share of the grid from which on the size of a region no longer lowers its score.
        init_cfg: mmengine's initialisation config.
    """

    def __init__(
        self,
        neck: dict[str, Any] | None = None,
        num_segments: Sequence[int] = (3, 5, 8, 12),
        similarity_thr: float = 0.15,
        min_patches: int = 4,
        max_area: float = 0.85,
        nms_iou_thr: float = 0.55,
        max_per_img: int = 10,
        full_area: float = 0.1,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        if not num_segments or min(num_segments) < 2:
            raise ValueError(
                f'proposer.num_segments: expected numbers of at least 2, got {tuple(num_segments)}.'
            )
        self.patch_neck = MODELS.build(neck) if neck is not None else None
        self.num_segments = tuple(num_segments)
        self.similarity_thr = similarity_thr
        self.min_patches = min_patches
        self.max_area = max_area
        self.nms_iou_thr = nms_iou_thr
        self.max_per_img = max_per_img
        self.full_area = full_area

    @torch.no_grad()
    def propose(self, patches: Tensor, grid: PatchGrid) -> InstanceData:
        """Find the regions of one image.

        Args:
            patches: (N, D) patch features.
            grid: Their grid.

        Returns:
            ``bboxes`` (R, 4) in original pixels, ``scores`` (R,) in [0, 1], ``labels`` (R,) all 0; best first.
        """
        similarity = _similarity(patches)
        masks = self._segments(similarity.cpu().numpy(), grid.rows, grid.cols)
        if not len(masks):
            return InstanceData(
                bboxes=patches.new_zeros(0, 4),
                scores=patches.new_zeros(0),
                labels=torch.zeros(0, dtype=torch.long, device=patches.device),
            )
        rows = torch.from_numpy(masks).to(similarity)
        area = rows.mean(dim=1)
        scores = _contrast(rows, similarity, grid) * (area / self.full_area).clamp(max=1).sqrt()
        boxes = _mask_boxes(masks, grid).to(similarity)
        kept, keep = nms(boxes, scores.contiguous(), self.nms_iou_thr)
        keep = keep[: self.max_per_img]
        return InstanceData(
            bboxes=kept[: self.max_per_img, :4],
            scores=scores[keep],
            labels=torch.zeros(len(keep), dtype=torch.long, device=patches.device),
        )

    def _segments(self, similarity: np.ndarray, rows: int, cols: int) -> np.ndarray:
        """Connected components at every scale: (R, N) bool, without repetitions."""
        embedding = _spectral_embedding(similarity, self.similarity_thr, max(self.num_segments))
        found: dict[bytes, np.ndarray] = {}
        for k in self.num_segments:
            labels = _kmeans(embedding[:, :k], k).reshape(rows, cols)
            for segment in range(k):
                components, count = ndimage.label(labels == segment)
                for component in range(1, count + 1):
                    mask = (components == component).ravel()
                    if self.min_patches <= mask.sum() <= self.max_area * mask.size:
                        found.setdefault(mask.tobytes(), mask)
        return np.stack(list(found.values())) if found else np.zeros((0, rows * cols), dtype=bool)

    def predict(
        self, batch_inputs: Tensor, batch_data_samples: list[DetDataSample], rescale: bool = True
    ) -> list[DetDataSample]:
        """Run as a detector of its own on the neck's views (B, 3, h, w).

        Args:
            batch_inputs: The neck's views of the B images.
            batch_data_samples: With the meta information of ``AddPatchView``.
            rescale: True gives original pixels, False those of the network input.
        """
        feats = self.extract_feat(batch_inputs)
        for patches, sample in zip(feats.patches, batch_data_samples, strict=True):
            instances = self.propose(patches, patch_grid(feats, sample))
            if not rescale:
                factor = instances.bboxes.new_tensor(sample.scale_factor).repeat(2)
                instances.bboxes = instances.bboxes * factor
            sample.pred_instances = instances
        return batch_data_samples

    def extract_feat(self, batch_inputs: Tensor) -> PatchFeatures:
        """Patch features of the views (B, 3, h, w).

        Raises:
            ValueError: if there is no neck of its own.
        """
        if self.patch_neck is None:
            raise ValueError(
                'PatchProposalDetector.neck is None: give it a neck, or use it as `proposer` of a DenseCaptioner, '
                'which hands it its own features.'
            )
        return self.patch_neck(batch_inputs)

    def _forward(
        self, batch_inputs: Tensor, batch_data_samples: list | None = None
    ) -> PatchFeatures:
        return self.extract_feat(batch_inputs)

    def loss(
        self, batch_inputs: Tensor, batch_data_samples: list[DetDataSample]
    ) -> dict[str, Tensor]:
        """Not trainable.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError('PatchProposalDetector has no parameter to train.')


def _similarity(patches: Tensor) -> Tensor:
    """(N, N) cosines of the centred patches: what all patches share says nothing of where objects end."""
    unit = torch.nn.functional.normalize((patches - patches.mean(dim=0)).float(), dim=-1)
    return unit @ unit.T


def _spectral_embedding(similarity: np.ndarray, threshold: float, dims: int) -> np.ndarray:
    """(N, dims) rows of the smallest eigenvectors of the normalised Laplacian, unit length."""
    # A weak edge everywhere keeps the graph connected, so that every degree is positive.
    affinity = np.where(similarity > threshold, similarity, 1e-5).astype(np.float64)
    scale = 1.0 / np.sqrt(affinity.sum(axis=1))
    normalised = affinity * scale[:, None] * scale[None, :]
    size = len(normalised)
    dims = min(dims, size)
    _, vectors = linalg.eigh(normalised, subset_by_index=[size - dims, size - 1])
    embedding = vectors[:, ::-1]
    return embedding / np.maximum(np.linalg.norm(embedding, axis=1, keepdims=True), 1e-12)


def _kmeans(points: np.ndarray, k: int, steps: int = 20) -> np.ndarray:
    """Labels (N,) by k-means from farthest-point seeds, hence without a random number."""
    k = min(k, len(points))
    centres = [points[np.argmax(np.linalg.norm(points - points.mean(axis=0), axis=1))]]
    distance = np.full(len(points), np.inf)
    for _ in range(k - 1):
        distance = np.minimum(distance, ((points - centres[-1]) ** 2).sum(axis=1))
        centres.append(points[int(np.argmax(distance))])
    means = np.stack(centres)
    labels = np.full(len(points), -1)
    for _ in range(steps):
        nearest = ((points[:, None] - means[None]) ** 2).sum(axis=2).argmin(axis=1)
        if np.array_equal(nearest, labels):
            break
        labels = nearest
        member = np.eye(k)[labels]
        counts = member.sum(axis=0)
        filled = counts > 0
        means[filled] = (member.T @ points)[filled] / counts[filled, None]
    return labels


def _contrast(masks: Tensor, similarity: Tensor, grid: PatchGrid) -> Tensor:
    """How much more alike a region's patches are to each other than to the ring around it, mapped to [0, 1]."""
    plane = masks.view(-1, 1, grid.rows, grid.cols)
    ring = (
        torch.nn.functional.max_pool2d(plane, kernel_size=5, stride=1, padding=2).flatten(1) - masks
    )
    to_region = masks @ similarity  # (R, N)
    size = masks.sum(dim=1)
    inside = (to_region * masks).sum(dim=1) / size**2
    outside = (to_region * ring).sum(dim=1) / (size * ring.sum(dim=1).clamp(min=1))
    return ((inside - outside) / 2).clamp(0, 1)


def _mask_boxes(masks: np.ndarray, grid: PatchGrid) -> Tensor:
    """(R, 4) original pixels: the box around the patches of every mask."""
    patches = grid.patch_boxes().cpu().numpy()
    low = np.where(masks[..., None], patches[None, :, :2], np.inf).min(axis=1)
    high = np.where(masks[..., None], patches[None, :, 2:], -np.inf).max(axis=1)
    return torch.from_numpy(np.concatenate([low, high], axis=1))
