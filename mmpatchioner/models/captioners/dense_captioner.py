"""Any mmdet detector, or none, with words for its boxes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import torch
from mmdet.models.detectors.base import BaseDetector
from mmdet.registry import MODELS as MMDET_MODELS
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from torch import Tensor

from mmpatchioner.models.captioners.data_preprocessor import CaptionDataPreprocessor
from mmpatchioner.models.captioners.patch_proposals import PatchProposalDetector
from mmpatchioner.models.heads import patch_grid
from mmpatchioner.models.heads.region_rows import plain_boxes
from mmpatchioner.models.necks import PatchFeatures
from mmpatchioner.regions import Regions
from mmpatchioner.registry import MODELS

_SOURCES = ('detector', 'proposals', 'gt', 'regions', 'patches')


@MODELS.register_module()
class DenseCaptioner(BaseDetector):
    """Captions the boxes of a detector, of the proposals or of the ground truth, or any regions asked for.

    The detector keeps its data preprocessor, pipeline and weights; the neck sees the image through its own view
    (``patch_inputs``), so that no detector pipeline changes a caption.

    Args:
        neck: Config of the vision backbone, e.g. ``dict(type='mmpatchioner.DINOv2Neck', ...)``.
        caption_head: Config of the head, e.g. ``dict(type='mmpatchioner.PatchionerHead', ...)``.
        detector: Config of any mmdet detector, or None.
        proposer: Config of a :class:`PatchProposalDetector` that finds regions in the neck's own features, or None.
        region_source: Where the regions come from unless a data sample carries ``regions`` or ``propose``:
            ``'detector'``, ``'proposals'`` (``data_sample.proposals``), ``'gt'`` (``data_sample.gt_instances``),
            ``'regions'`` (``data_sample.regions``) or ``'patches'`` (the proposer). Boxes are in original pixels.
        use_masks: Pool the instance masks of detector or ground truth instead of their boxes.
        score_thr: Detections below this score are not captioned.
        max_per_img: At most so many detections of an image, best first; None is no limit.
        init_cfg: mmengine's initialisation config.

    Raises:
        ValueError: if ``region_source`` is unknown or needs a part that is not configured.
    """

    def __init__(
        self,
        neck: dict[str, Any],
        caption_head: dict[str, Any],
        detector: dict[str, Any] | None = None,
        proposer: dict[str, Any] | None = None,
        region_source: str = 'detector',
        use_masks: bool = False,
        score_thr: float = 0.0,
        max_per_img: int | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        if region_source not in _SOURCES:
            raise ValueError(
                f'model.region_source: expected one of {_SOURCES}, got {region_source!r}.'
            )
        built = MMDET_MODELS.build(detector) if detector is not None else None
        preprocessor = CaptionDataPreprocessor(getattr(built, 'data_preprocessor', None))
        super().__init__(data_preprocessor=preprocessor, init_cfg=init_cfg)
        self.detector = built
        self.patch_neck = MODELS.build(neck)
        self.caption_head = MODELS.build(caption_head)
        self.proposer: PatchProposalDetector | None = MODELS.build(proposer) if proposer else None
        self.region_source = region_source
        self.use_masks = use_masks
        self.score_thr = score_thr
        self.max_per_img = max_per_img
        self._require(region_source)

    def _require(self, source: str) -> None:
        if source == 'detector' and self.detector is None:
            raise ValueError(
                "region_source='detector' needs a detector, and model.detector is None; name one, or take "
                "region_source='gt', 'proposals', 'regions' or 'patches'."
            )
        if source == 'patches' and self.proposer is None:
            raise ValueError(
                "Regions from the patches need model.proposer=dict(type='mmpatchioner.PatchProposalDetector')."
            )

    def forward(
        self,
        inputs: Tensor | list[Tensor],
        data_samples: list[DetDataSample] | None = None,
        mode: str = 'tensor',
        patch_inputs: Tensor | None = None,
    ) -> Any:
        """Run in one of mmdet's modes.

        Args:
            inputs: The detector's preprocessed batch.
            data_samples: Meta information, ground truth and regions of the B images.
            mode: ``'tensor'`` gives the patch features, ``'predict'`` captions, ``'loss'`` the detector's loss.
            patch_inputs: (B, 3, h, w) the neck's view.
        """
        if mode == 'loss':
            return self.loss(inputs, data_samples)
        if patch_inputs is None:
            raise ValueError(
                'patch_inputs: expected (B, 3, h, w), got None; the pipeline lacks AddPatchView.'
            )
        if mode == 'tensor':
            return self._forward(patch_inputs)
        if mode == 'predict':
            return self.predict(inputs, data_samples or [], patch_inputs)
        raise RuntimeError(f"mode: expected 'tensor', 'predict' or 'loss', got {mode!r}.")

    def extract_feat(self, batch_inputs: Tensor) -> PatchFeatures:
        """Patch features of the neck's view (B, 3, h, w)."""
        return self.patch_neck(batch_inputs)

    def _forward(
        self, batch_inputs: Tensor, batch_data_samples: list | None = None
    ) -> PatchFeatures:
        return self.extract_feat(batch_inputs)

    def loss(
        self, batch_inputs: Tensor | list[Tensor], batch_data_samples: list[DetDataSample] | None
    ) -> dict[str, Tensor]:
        """The detector's loss; neck and caption head are frozen here, the decoder learns from text alone.

        Raises:
            ValueError: if there is no detector.
        """
        if self.detector is None:
            raise ValueError(
                'A DenseCaptioner without a detector has nothing to learn from images: the decoder is trained on text '
                '(configs/training) and the neck is frozen.'
            )
        return self.detector.loss(batch_inputs, batch_data_samples)

    @torch.no_grad()
    def predict(
        self,
        batch_inputs: Tensor | list[Tensor],
        batch_data_samples: list[DetDataSample],
        patch_inputs: Tensor,
    ) -> list[DetDataSample]:
        """Fill ``pred_instances`` with the captioned regions of each image.

        Regions that a sample asks for come first, in their order, then the regions found for it.

        Returns:
            The data samples; fields of ``pred_instances`` as in :meth:`PatchionerHead.predict`.
        """
        feats = cache(partial(self.extract_feat, patch_inputs))
        asked: list[list[Regions | InstanceData]] = [[] for _ in batch_data_samples]
        wanted: dict[str, list[int]] = {}
        for index, sample in enumerate(batch_data_samples):
            regions, propose = sample.get('regions'), sample.get('propose')
            if regions is not None:
                asked[index].append(regions)
            if propose is not None:
                wanted.setdefault(propose, []).append(index)
            elif regions is None:
                wanted.setdefault(self.region_source, []).append(index)
        hidden_masks: dict[int, Any] = {}
        for source, indices in wanted.items():
            for index, found in zip(
                indices,
                self._find(source, indices, batch_inputs, batch_data_samples, feats),
                strict=True,
            ):
                if 'masks' in found and not self.use_masks:
                    hidden_masks[index] = found.pop('masks')
                asked[index].append(found)
        results = self._caption(feats, asked, batch_data_samples, patch_inputs)
        for index, (sample, result) in enumerate(zip(batch_data_samples, results, strict=True)):
            if index in hidden_masks and len(asked[index]) == 1:
                result.masks = hidden_masks[index]
            sample.pred_instances = result
        return batch_data_samples

    def _caption(
        self,
        feats: Callable[[], PatchFeatures],
        regions: Sequence[Sequence[Regions | InstanceData]],
        samples: list[DetDataSample],
        patch_inputs: Tensor,
    ) -> list[InstanceData]:
        """Captioned regions of each image; its features are computed when first asked for."""
        return self.caption_head.predict(feats(), regions, samples)

    def _find(
        self,
        source: str,
        indices: list[int],
        batch_inputs: Tensor | list[Tensor],
        samples: list[DetDataSample],
        feats: Callable[[], PatchFeatures],
    ) -> list[InstanceData]:
        """Regions of the images ``indices`` from one source, in original pixels."""
        self._require(source)
        chosen = [samples[i] for i in indices]
        if source == 'detector':
            assert self.detector is not None  # _require
            detected = self.detector.predict(_take(batch_inputs, indices), chosen, rescale=True)
            return [self._keep(s.pred_instances, s.ori_shape[:2]) for s in detected]
        if source == 'patches':
            assert self.proposer is not None
            grids = [patch_grid(feats(), sample) for sample in chosen]
            return [
                self.proposer.propose(feats().patches[i], g)
                for i, g in zip(indices, grids, strict=True)
            ]
        field = {'gt': 'gt_instances', 'proposals': 'proposals', 'regions': 'regions'}[source]
        for sample in chosen:
            if field not in sample:
                raise ValueError(
                    f'region_source={source!r}: expected `{field}` on the data sample of '
                    f'{sample.get("img_path", "an image")}, which has none; load annotations in the pipeline or '
                    'choose another region_source.'
                )
        return [_with_plain_boxes(sample.get(field)) for sample in chosen]

    def _keep(self, instances: InstanceData, image_size: tuple[int, int]) -> InstanceData:
        """The detections worth a caption, cut at the border of the image of (height, width)."""
        kept = instances[instances.scores >= self.score_thr] if self.score_thr > 0 else instances
        if self.max_per_img is not None and len(kept) > self.max_per_img:
            kept = kept[kept.scores.argsort(descending=True, stable=True)[: self.max_per_img]]
        kept = _with_plain_boxes(kept)
        kept = kept[kept.bboxes.isfinite().all(dim=1)]
        height, width = image_size
        corner = torch.minimum(
            kept.bboxes.clamp(min=0), kept.bboxes.new_tensor([width, height] * 2)
        )
        kept.bboxes = torch.cat([corner[:, :2], torch.maximum(corner[:, :2], corner[:, 2:])], dim=1)
        return kept


def _with_plain_boxes(instances: InstanceData) -> InstanceData:
    """A copy whose ``bboxes`` are a plain (R, 4) tensor."""
    copy = instances.clone()
    copy.bboxes = plain_boxes(instances.bboxes)
    return copy


def _take(batch_inputs: Tensor | list[Tensor], indices: list[int]) -> Tensor | list[Tensor]:
    if isinstance(batch_inputs, list):
        return [batch_inputs[i] for i in indices]
    return batch_inputs if len(indices) == len(batch_inputs) else batch_inputs[indices]
