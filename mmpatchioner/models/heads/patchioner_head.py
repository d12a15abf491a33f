"""The caption head: regions and patch features in, captions out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmdet.structures import DetDataSample
from mmengine.model import BaseModule
from mmengine.structures import InstanceData
from torch import Tensor, nn

from mmpatchioner.models.heads.decoding import Decoded, decode_in_chunks
from mmpatchioner.models.heads.ranking import Ranking
from mmpatchioner.models.heads.region_rows import RegionRows
from mmpatchioner.models.necks import PatchFeatures
from mmpatchioner.regions import COMPAT, PatchGrid, Regions, region_weights
from mmpatchioner.registry import MODELS

_REGION_FEATURES = ('patches', 'image', 'cls')
_WHOLE_IMAGE = RegionRows.from_entries(Regions(whole_image=True))


@MODELS.register_module()
class PatchionerHead(BaseModule):
    """Captions regions as aggregates of patches (arXiv 2510.02898, section 3).

    Every region is a row of weights over the patch grid; one matrix product pools all regions of an image, one bridge
    and one batched decode serve all regions of all images of the batch.

    Args:
        bridge: Config of the bridge over the modality gap, e.g. ``dict(type='mmpatchioner.MemoryBridge', ...)``. Its
            ``official=dict(...)`` holds settings that the released code has for this backbone; they take the place of
            its own with ``compat='official'``.
        decoder: Config of the decoder, e.g. ``dict(type='mmpatchioner.PrefixDecoder', ...)``.
        image_bridge: Config of the bridge of whole images, where they have one of their own: a memory of sentences for
            images beside one of phrases for their regions. None uses ``bridge`` for both, as the paper does.
        pooling: Keyword arguments of :func:`mmpatchioner.regions.region_weights` that differ from the paper's.
        context: Share of the image's mean patch that is subtracted from a region before the bridge; 0 is the paper.
        region_feature: What stands for a region: ``'patches'``, its own; or, for baselines that only caption whole
            images, what stands for its image, ``'image'`` (the patches of all of it) or ``'cls'`` (the class token).
            All regions of an image then share one caption, which is decoded once.
        score_mode: What ``ranking_scores`` holds, see :class:`Ranking`; None is ``'caption'``, or ``'official'`` with
            ``compat='official'``.
        compat: ``'official'`` follows the released code wherever it differs from the paper (pooling, attention
            heads, features not normalised without a memory, scores for ranking); None or ``'paper'`` follows the
            paper.
        decode_batch: Regions that are decoded at once; bounds memory, changes no result.
        init_cfg: mmengine's initialisation config.

    Raises:
        ValueError: if an option is unknown or out of range.
    """

    def __init__(
        self,
        bridge: dict[str, Any],
        decoder: dict[str, Any],
        image_bridge: dict[str, Any] | None = None,
        pooling: dict[str, Any] | None = None,
        context: float = 0.0,
        region_feature: str = 'patches',
        score_mode: str | None = None,
        compat: str | None = None,
        decode_batch: int = 512,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if region_feature not in _REGION_FEATURES:
            raise ValueError(
                f'caption_head.region_feature: expected one of {_REGION_FEATURES}, got {region_feature!r}.'
            )
        if compat not in (None, *COMPAT):
            raise ValueError(
                f'caption_head.compat: expected None or one of {sorted(COMPAT)}, got {compat!r}.'
            )
        if not 0.0 <= context < 1.0:
            raise ValueError(f'caption_head.context: expected a share in [0, 1), got {context}.')
        official = compat == 'official'
        self.bridge = _build_bridge(bridge, official)
        self.image_bridge = _build_bridge(image_bridge, official) if image_bridge else None
        self.decoder = MODELS.build(decoder)
        self.pooling = {**COMPAT[compat or 'paper'], **(pooling or {})}
        self.context = context
        self.region_feature = region_feature
        self.ranking = Ranking(score_mode or ('official' if official else 'caption'))
        self.official = official
        self.decode_batch = decode_batch

    @torch.no_grad()
    def predict(
        self,
        feats: PatchFeatures,
        regions_list: Sequence[Regions | InstanceData | Sequence[Regions | InstanceData]],
        batch_data_samples: Sequence[DetDataSample],
        rescale: bool = True,
    ) -> list[InstanceData]:
        """Caption the regions of a batch of images.

        Args:
            feats: Tokens of the B images.
            regions_list: For each image a ``Regions``, an ``InstanceData`` with ``bboxes`` (and optionally
                ``scores``, ``labels`` and ``masks``; masks are pooled when given), or several of them.
                Original pixels.
            batch_data_samples: Their meta information: ``ori_shape``, ``patch_inputs_shape``, ``patch_mode``.
            rescale: False gives the boxes in the pixels of the detector's input, as mmdet's heads do.

        Returns:
            For each image, in the order given: ``captions`` (list of str), ``caption_scores`` (R,) mean natural-log
            probability per token, ``ranking_scores`` (R,), ``bboxes`` (R, 4), ``scores`` (R,) with NaN where no
            detector gave one, ``labels`` (R,) with -1 likewise, ``kinds`` (list of str).

        Raises:
            RegionError: if a region selects nothing of its image.
            ValueError: if ``region_feature='cls'`` and the backbone has no class token.
        """
        rows = [RegionRows.from_entries(entry) for entry in regions_list]
        if self.region_feature == 'patches':
            vectors = self.pool(feats, rows, batch_data_samples)
            return self.caption(vectors, rows, batch_data_samples, rescale)
        whole = self.image_vectors(feats, batch_data_samples)
        decoded = self._decode(whole, ['image'] * len(whole))
        images = [index for index, image_rows in enumerate(rows) for _ in range(len(image_rows))]
        return self._results(decoded.take(images), rows, batch_data_samples, rescale)

    @torch.no_grad()
    def caption(
        self,
        vectors: Sequence[Tensor],
        rows: Sequence[RegionRows],
        batch_data_samples: Sequence[DetDataSample],
        rescale: bool = True,
    ) -> list[InstanceData]:
        """Caption what stands for regions.

        Args:
            vectors: For each image (R, D), before the bridge.
            rows: Its R regions.
            batch_data_samples: See :meth:`predict`, as for ``rescale`` and what is returned.
            rescale: Whether boxes are in original pixels.
        """
        kinds = [kind for image_rows in rows for kind in image_rows.kinds]
        decoded = self._decode(torch.cat(list(vectors)), kinds)
        return self._results(decoded, rows, batch_data_samples, rescale)

    def loss(self, embeddings: Tensor, captions: list[str]) -> dict[str, Tensor]:
        """Loss of the decoder on text alone: reconstruct captions from their embeddings (section 3.1).

        Args:
            embeddings: (B, D) unit text embeddings in the space of the patches.
            captions: The B texts.
        """
        return self.decoder.loss(embeddings, captions)

    def pool(
        self,
        feats: PatchFeatures,
        rows: Sequence[RegionRows],
        batch_data_samples: Sequence[DetDataSample],
    ) -> list[Tensor]:
        """Aggregate the patches of every region: W @ V, one product per image.

        Returns:
            For each image (R, D) fp32.

        Raises:
            RegionError: if a region selects nothing of its image.
        """
        # Pooling, bridge and decoder are fp32 whatever the backbone and the detector run in.
        with torch.autocast(feats.patches.device.type, enabled=False):
            return self._pool(feats, rows, batch_data_samples)

    def image_vectors(
        self, feats: PatchFeatures, batch_data_samples: Sequence[DetDataSample]
    ) -> Tensor:
        """What stands for whole images: the class token, or else the patches as pooled for a whole image.

        Returns:
            (B, D) fp32.

        Raises:
            ValueError: if ``region_feature='cls'`` and the backbone has no class token.
        """
        if self.region_feature != 'cls':
            return torch.cat(
                self.pool(feats, [_WHOLE_IMAGE] * len(batch_data_samples), batch_data_samples)
            )
        if feats.cls is None:
            raise ValueError(
                "caption_head.region_feature: 'cls' needs a backbone with a class token; this neck gives none. "
                "Take 'image'."
            )
        return feats.cls.float()

    def _pool(
        self,
        feats: PatchFeatures,
        rows: Sequence[RegionRows],
        batch_data_samples: Sequence[DetDataSample],
    ) -> list[Tensor]:
        attention: Tensor | None = None
        if 'attention' in (self.pooling.get('weighting'), self.pooling.get('image_weighting')):
            attention = feats.attention(self.official)
        pooled = []
        for index, (image_rows, sample) in enumerate(zip(rows, batch_data_samples, strict=True)):
            patches = feats.patches[index]
            grid = patch_grid(feats, sample)
            weights = image_rows.weights(
                lambda regions, grid=grid, index=index: region_weights(  # type: ignore[misc]
                    regions,
                    grid,
                    attention=None if attention is None else attention[index],
                    **self.pooling,
                )
            ).to(patches.device)
            vectors = weights @ patches
            if self.context:
                vectors = vectors - self.context * patches.mean(dim=0)
            pooled.append(vectors)
        return pooled

    def _decode(self, vectors: Tensor, kinds: list[str]) -> Decoded:
        with torch.autocast(vectors.device.type, enabled=False):
            bridged = self.bridge(vectors)
            if self.image_bridge is not None and 'image' in kinds:
                whole = torch.tensor([kind == 'image' for kind in kinds], device=vectors.device)
                bridged[whole] = self.image_bridge(vectors[whole])
            return decode_in_chunks(self.decoder, self.ranking, bridged, self.decode_batch)

    def _results(
        self,
        decoded: Decoded,
        rows: Sequence[RegionRows],
        batch_data_samples: Sequence[DetDataSample],
        rescale: bool,
    ) -> list[InstanceData]:
        results, start = [], 0
        for image_rows, sample in zip(rows, batch_data_samples, strict=True):
            part = slice(start, start + len(image_rows))
            instances = image_rows.instances(sample.ori_shape[:2], decoded.scores.device)
            instances.captions = decoded.texts[part]
            instances.caption_scores = decoded.scores[part]
            shares = decoded.ranking_shares[part]
            instances.ranking_scores = self.ranking.of_regions(shares, instances.scores)
            if not rescale:
                instances.bboxes = instances.bboxes * instances.bboxes.new_tensor(
                    sample.scale_factor
                ).repeat(2)
            results.append(instances)
            start = part.stop
        return results


def _build_bridge(bridge: dict[str, Any], official: bool) -> nn.Module:
    settings = {key: value for key, value in bridge.items() if key != 'official'}
    if official and bridge['type'].endswith('IdentityBridge'):
        settings['normalize'] = False
    if official:
        settings.update(bridge.get('official', {}))
    return MODELS.build(settings)


def patch_grid(feats: PatchFeatures, sample: DetDataSample) -> PatchGrid:
    """The patch grid of one image, from the meta information that the pipeline left."""
    height, width = sample.patch_inputs_shape
    return PatchGrid(
        ori_size=tuple(sample.ori_shape[:2]),
        input_size=(height, width),
        patch_size=height // feats.grid[0],
        mode=sample.patch_mode,
    )
