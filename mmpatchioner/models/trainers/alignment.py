"""Alignment: a projection of text into the space of frozen image patches."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.model import BaseModel
from torch import Tensor, nn
from torch.nn import functional as F

from mmpatchioner.models.bridges.noise import TextNoise
from mmpatchioner.models.trainers.contrastive import gather_with_gradient, info_nce
from mmpatchioner.models.trainers.exports import ExportedWeights
from mmpatchioner.models.trainers.similarity import POOLINGS, image_text_similarity
from mmpatchioner.registry import MODELS

_PADDING = -1
_MAX_LOG_SCALE = math.log(100.0)  # as in CLIP: a smaller temperature makes training unstable


@MODELS.register_module()
class AlignmentTrainer(BaseModel):
    """Learns to project text embeddings to where the matching patches of a frozen backbone are (arXiv 2411.19331).

    The loss is a weighted sum of symmetric InfoNCE terms, one for every objective: which texts (captions, phrases), and
    how an image is compared with a text. In a distributed run every process sees the texts and similarities of all.

    Args:
        projection: Config of the projection, a ``TextProjection``.
        objectives: Dicts of ``texts`` (group of the dataset), ``pooling`` (see
            :func:`mmpatchioner.models.trainers.similarity.image_text_similarity`), ``weight`` (default 1).
        patch_dims: Width of the patch features, if they shall be whitened; the statistics are fitted to the data
            by ``WhiteningHook`` before the first step. None leaves the features as they are.
        trainable_whitening: Train the whitening matrix on from its statistics.
        num_patches: Random patches of every image in a step; None takes all.
        texts_per_image: Random texts of every image in a step; a dict tells it by group.
        temperature: Of InfoNCE, at the start.
        learn_temperature: Whether the temperature is trained.
        patch_temperature: Of the pooling ``'text_weighted'``.
        noise: Config of noise on the unit text embedding, e.g. ``dict(type='mmpatchioner.GaussianNoise', std=0.02)``;
            None uses the embedding as it is.
        space: Name of the aligned space, written into the exported weights.
        data_preprocessor: mmengine's data preprocessor.
        init_cfg: mmengine's initialisation config.

    Raises:
        ValueError: if an objective or a number is out of range.
    """

    mean: Tensor

    def __init__(
        self,
        projection: dict[str, Any],
        objectives: Sequence[dict[str, Any]] = (dict(texts='captions', pooling='head_selection'),),
        patch_dims: int | None = None,
        trainable_whitening: bool = False,
        num_patches: int | None = None,
        texts_per_image: int | Mapping[str, int] = 1,
        temperature: float = 0.07,
        learn_temperature: bool = True,
        patch_temperature: float = 0.03,
        noise: dict[str, Any] | None = None,
        space: str = '',
        data_preprocessor: dict[str, Any] | None = None,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        for number, objective in enumerate(objectives):
            if objective.get('pooling') not in POOLINGS or 'texts' not in objective:
                raise ValueError(
                    f"objectives[{number}]: expected dict(texts='captions', pooling=<one of {sorted(POOLINGS)}>, "
                    f'weight=1.0), got {dict(objective)}.'
                )
        for name, value in dict(
            temperature=temperature, patch_temperature=patch_temperature
        ).items():
            if value <= 0:
                raise ValueError(f'{name}: expected a positive number, got {value}.')
        self.projection = MODELS.build(projection)
        self.objectives = [dict(objective) for objective in objectives]
        self.num_patches = num_patches
        groups = {objective['texts'] for objective in objectives}
        self.texts_per_image = (
            dict.fromkeys(groups, texts_per_image)
            if isinstance(texts_per_image, int)
            else {group: texts_per_image.get(group, 1) for group in groups}
        )
        self.patch_temperature = patch_temperature
        self.noise: TextNoise | None = MODELS.build(noise) if noise else None
        self.space = space
        self.log_scale = nn.Parameter(
            torch.tensor(1 / temperature).log(), requires_grad=learn_temperature
        )
        self.whiten: nn.Parameter | None = None
        if patch_dims is not None:
            self.register_buffer('mean', torch.zeros(patch_dims))
            self.register_buffer('whitening_fitted', torch.tensor(False))
            self.whiten = nn.Parameter(torch.eye(patch_dims), requires_grad=trainable_whitening)

    def set_whitening(self, mean: Tensor, whiten: Tensor) -> None:
        """Set the statistics of ``v -> (v - mean) @ whiten``: mean (D,), whiten (D, D).

        Raises:
            ValueError: if the trainer was built without ``patch_dims``, or with others.
        """
        if self.whiten is None or self.whiten.shape != whiten.shape:
            given = None if self.whiten is None else tuple(self.whiten.shape)
            raise ValueError(
                f'model.patch_dims: expected {len(mean)}, the width of the features, got {given}.'
            )
        with torch.no_grad():
            self.mean.copy_(mean)
            self.whiten.copy_(whiten)
            self.whitening_fitted.fill_(True)

    def forward(
        self,
        features: Mapping[str, Tensor],
        texts: Mapping[str, Mapping[str, Tensor]],
        image_ids: Tensor,
        mode: str = 'loss',
    ) -> dict[str, Tensor] | list[dict[str, Any]]:
        """Compute losses, or what a retrieval metric needs.

        Args:
            features: Kinds of image features, e.g. ``patches`` (B, N, D); see ``PatchFeatureTextDataset``.
            texts: Groups of texts with ``embeddings`` (B, T, E) and ``ids`` (B, T), -1 where there is none.
            image_ids: (B,).
            mode: ``'loss'`` or ``'predict'``.

        Returns:
            ``'loss'``: a loss and an accuracy for every objective. ``'predict'``: one dict an image: ``features``
            (fp16, whitened) and projected ``texts`` (T, D) of every group, unit rows.

        Raises:
            ValueError: if the mode is another.
        """
        if mode not in ('loss', 'predict'):
            raise ValueError(f"mode: expected 'loss' or 'predict', got {mode!r}.")
        # Similarities are computed in fp32, whatever the precision of the training.
        with torch.autocast(image_ids.device.type, enabled=False):
            if mode == 'loss':
                return self._loss(features, texts, image_ids)
            return self._predict(features, texts)

    def _loss(
        self,
        features: Mapping[str, Tensor],
        texts: Mapping[str, Mapping[str, Tensor]],
        image_ids: Tensor,
    ) -> dict[str, Tensor]:
        pooled = self._transform(self._draw_patches(features))
        images = gather_with_gradient(image_ids)
        drawn = {
            group: self._draw_texts(texts[group], count)
            for group, count in self.texts_per_image.items()
        }
        scale = self.log_scale.clamp(max=_MAX_LOG_SCALE).exp()
        losses = {}
        for goal in self.objectives:
            group, pooling = goal['texts'], goal['pooling']
            projected, ids = drawn[group]
            similarity = image_text_similarity(projected, pooled, pooling, self.patch_temperature)
            positives = torch.arange(len(images), device=ids.device)
            positives = positives.repeat_interleave(self.texts_per_image[group])
            known = gather_with_gradient(texts[group]['ids'])  # (I, T): all texts of every image
            related = (known[:, :, None] == ids).any(dim=1) | (images[:, None] == images[positives])
            loss, accuracy = info_nce(
                gather_with_gradient(similarity) * scale, positives, related, ids != _PADDING
            )
            losses[f'loss_{group}_{pooling}'] = goal.get('weight', 1.0) * loss
            losses[f'accuracy_{group}_{pooling}'] = accuracy
        losses['temperature'] = 1 / scale.detach()
        return losses

    def _draw_patches(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The features of a step in fp32, with ``num_patches`` of the patches, the same of every image."""
        kept = dict(features)
        if self.num_patches is not None and 'patches' in kept:
            patches = kept['patches']
            chosen = torch.randperm(patches.shape[1], device=patches.device)[: self.num_patches]
            kept['patches'] = patches[:, chosen]
        return {kind: tokens.float() for kind, tokens in kept.items()}

    def _transform(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        if self.whiten is None:
            return features
        return {kind: (tokens - self.mean) @ self.whiten for kind, tokens in features.items()}

    def _draw_texts(
        self, group: Mapping[str, Tensor], texts_per_image: int
    ) -> tuple[Tensor, Tensor]:
        """Draw texts of every image and project them, over all processes: unit rows (I * k, D) and ids (I * k,)."""
        ids = group['ids']
        present = ids != _PADDING
        keys = torch.rand(ids.shape, device=ids.device).masked_fill(~present, -1)
        order = keys.argsort(dim=1, descending=True)
        count = present.sum(dim=1, keepdim=True).clamp(min=1)
        # An image with fewer texts than wanted gives one more than once.
        turns = torch.arange(texts_per_image, device=ids.device) % count
        chosen = order.gather(1, turns)  # (B, k)
        rows = torch.arange(len(ids), device=ids.device)[:, None]
        projected = self._project(group['embeddings'][rows, chosen].flatten(0, 1), self.noise)
        return gather_with_gradient(projected), gather_with_gradient(ids[rows, chosen].flatten())

    def _project(self, embeddings: Tensor, noise: TextNoise | None = None) -> Tensor:
        texts = embeddings.float()
        if noise is not None:
            texts = noise(F.normalize(texts, dim=-1))
        return F.normalize(self.projection(texts), dim=-1)

    def _predict(
        self, features: Mapping[str, Tensor], texts: Mapping[str, Mapping[str, Tensor]]
    ) -> list[dict[str, Any]]:
        whitened = self._transform({kind: tokens.float() for kind, tokens in features.items()})
        projected = {name: self._project(group['embeddings']) for name, group in texts.items()}
        batch = len(next(iter(features.values())))
        return [
            {
                'features': {kind: tokens[row].half().cpu() for kind, tokens in whitened.items()},
                'texts': {
                    name: projected[name][row][texts[name]['ids'][row] != _PADDING].cpu()
                    for name in texts
                },
            }
            for row in range(batch)
        ]

    def exports(self) -> list[ExportedWeights]:
        """The projection, and the feature transform if there is one."""
        weights = self.projection.state_dict().items()
        tensors = {name: tensor.detach().cpu().clone() for name, tensor in weights}
        exported = [ExportedWeights('projection', tensors, self._metadata('projection'))]
        if self.whiten is not None:
            transform = {
                'mean': self.mean.cpu().clone(),
                'whiten': self.whiten.detach().cpu().clone(),
            }
            metadata = self._metadata('feature_transform')
            exported.append(ExportedWeights('feature_transform', transform, metadata))
        return exported

    def _metadata(self, name: str) -> dict[str, str]:
        return {'format': f'mmpatchioner.{name}', 'space': self.space}
