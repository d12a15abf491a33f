"""An image, its boxes and the models that caption it, all random and of given sizes."""

from __future__ import annotations

from pathlib import Path

import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from torch import Tensor
from torch.nn.functional import interpolate

from benchmarks.caption_lengths import coco_lengths
from benchmarks.networks import Sizes, copy_weights, decoder_config, published_decoder
from mmpatchioner.checkpoints import Memory
from mmpatchioner.models.heads import PatchionerHead
from mmpatchioner.models.heads.region_rows import RegionRows
from mmpatchioner.models.necks import DINOv2Neck, PatchFeatures
from mmpatchioner.regions import PatchGrid
from mmpatchioner.registry import MODELS

_IMAGE_SIZE = (480, 640)  # height, width of the original


class Scene:
    """Makes the parts of a captioned image; the same ones every time.

    Args:
        sizes: Of the models.
    """

    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes
        side = sizes.input_side
        self.grid = PatchGrid(_IMAGE_SIZE, (side, side), sizes.patch_size)
        self.sample = DetDataSample(
            metainfo=dict(
                ori_shape=_IMAGE_SIZE,
                patch_inputs_shape=self.grid.input_size,
                patch_mode=self.grid.mode,
            )
        )

    def boxes(self, count: int) -> Tensor:
        """Boxes (count, 4) xyxy, original pixels, inside the image, a tenth to six tenths of it wide and high."""
        drawn = torch.rand(count, 4, generator=self._generator(1), dtype=torch.float64)
        size = 0.1 + 0.5 * drawn[:, 2:]
        start = drawn[:, :2] * (1 - size)
        height, width = _IMAGE_SIZE
        return torch.cat([start, start + size], dim=1) * drawn.new_tensor([width, height] * 2)

    def view(self) -> Tensor:
        """The network's input (1, 3, side, side): noise with structure of every size."""
        side, generator = self.grid.input_size, self._generator(2)
        octaves = [torch.randn(1, 3, n, n, generator=generator) for n in (2, 5, 11, 23, 47)]
        return sum(interpolate(octave, side, mode='bilinear') for octave in octaves)

    def random_patches(self) -> Tensor:
        """Patches (1, N, D), independent of one another."""
        shape = (1, self.grid.num_patches, self.sizes.hidden)
        return torch.randn(shape, generator=self._generator(3))

    def random_features(self) -> PatchFeatures:
        """Features of :meth:`random_patches`."""
        return PatchFeatures(self.random_patches(), (self.grid.rows, self.grid.cols))

    def neck(self) -> DINOv2Neck:
        """ViT with four registers and random weights; the defaults are those of ViT-B/14."""
        sizes = self.sizes
        torch.manual_seed(4)
        return MODELS.build(
            dict(
                type='mmpatchioner.DINOv2Neck',
                backbone=dict(
                    config=dict(
                        hidden_size=sizes.hidden,
                        num_hidden_layers=sizes.backbone_layers,
                        num_attention_heads=sizes.backbone_heads,
                        patch_size=sizes.patch_size,
                        image_size=sizes.input_side,
                    ),
                    registers=4,
                ),
            )
        )

    def head(
        self, feats: PatchFeatures, boxes: Tensor, tokenizer: Path
    ) -> tuple[PatchionerHead, Tensor]:
        """A head with a memory and a decoder that captions the boxes at COCO's lengths.

        Returns:
            The head, and the tokens of every caption (R,), start-of-text included.
        """
        rows = torch.randn(self.sizes.memory_rows, self.sizes.hidden, generator=self._generator(5))
        head = MODELS.build(
            dict(
                type='mmpatchioner.PatchionerHead',
                bridge=dict(type='mmpatchioner.MemoryBridge', memory=Memory.from_rows(rows)),
                decoder=decoder_config(self.sizes, tokenizer),
            )
        )
        pooled = head.pool(feats, [RegionRows.from_entries(_instances(boxes))], [self.sample])
        lengths = coco_lengths(len(boxes)) + 1
        copy_weights(published_decoder(self.sizes, head.bridge(pooled[0]), lengths), head.decoder)
        return head, lengths

    def caption(self, head: PatchionerHead, feats: PatchFeatures, boxes: Tensor) -> list[str]:
        """Texts of the boxes."""
        return head.predict(feats, [_instances(boxes)], [self.sample])[0].captions

    @staticmethod
    def _generator(seed: int) -> torch.Generator:
        return torch.Generator().manual_seed(seed)


def _instances(boxes: Tensor) -> InstanceData:
    return InstanceData(bboxes=boxes)
