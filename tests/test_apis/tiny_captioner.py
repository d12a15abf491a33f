"""A captioner that is small enough to be built in every test: real parts, random weights."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.model import BaseModule
from PIL import Image
from torch import Tensor

from mmpatchioner.models.decoders.tokenizers import train_bpe
from mmpatchioner.registry import MODELS

WORDS = ('cat', 'dog', 'house', 'tree', 'sky', 'road', 'boat', 'bird')


@MODELS.register_module(force=True)
class FewWordsDecoder(BaseModule):
    """Names the largest of the first dimensions of an embedding: captions that tell regions apart."""

    def generate(self, embeddings: Tensor, official_scores: bool = False) -> SimpleNamespace:
        best = embeddings[:, : len(WORDS)].max(dim=1)
        return SimpleNamespace(
            texts=[f'a {WORDS[i]}' for i in best.indices.tolist()],
            scores=best.values - 2.0,
            official_scores=best.values.sigmoid() if official_scores else None,
        )


def tiny_config(decoder: dict[str, Any] | None = None) -> Config:
    backbone = dict(
        hidden_size=32, num_hidden_layers=1, num_attention_heads=2, patch_size=7, image_size=28
    )
    return Config(
        dict(
            default_scope='mmdet',
            model=dict(
                type='mmpatchioner.DenseCaptioner',
                neck=dict(type='mmpatchioner.DINOv2Neck', backbone=dict(config=backbone)),
                caption_head=dict(
                    type='mmpatchioner.PatchionerHead',
                    bridge=dict(type='mmpatchioner.IdentityBridge'),
                    decoder=decoder or dict(type='mmpatchioner.FewWordsDecoder'),
                ),
                region_source='regions',
            ),
            test_pipeline=[
                dict(type='LoadImageFromFile'),
                dict(type='mmpatchioner.AddPatchView', size=28),
                dict(type='mmpatchioner.PackCaptionInputs'),
            ],
        )
    )


def add_test_loader(
    cfg: Config, dataset: str, ann_file: str | Path, images: str | Path, batch_size: int = 1
) -> None:
    """Add the loader of a dataset, by the name of its class, whose annotated regions are captioned."""
    load, view, pack = cfg.test_pipeline
    cfg.test_dataloader = dict(
        batch_size=batch_size,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dict(
            type=f'mmpatchioner.{dataset}',
            ann_file=str(ann_file),
            data_prefix=dict(img=str(images)),
            pipeline=[load, view, dict(type='mmpatchioner.LoadCaptionRegions'), pack],
        ),
    )


def tiny_prefix_decoder(folder: Path) -> dict[str, Any]:
    """The config of a real decoder with random weights, and its tokenizer in a folder."""
    tokenizer = folder / 'tokenizer.json'
    train_bpe([f'a {word} beside a {other}' for word in WORDS for other in WORDS], 300, tokenizer)
    return dict(
        type='mmpatchioner.PrefixDecoder',
        prefix_dims=32,
        hidden_dims=32,
        num_layers=1,
        num_heads=2,
        vocab_size=512,
        max_positions=32,
        max_length=8,
        tokenizer=dict(type='mmpatchioner.CaptionTokenizer', file=str(tokenizer)),
    )


def tiny_detector_config() -> Config:
    """RetinaNet of few channels; it names weights that only a download could bring."""
    return Config(
        dict(
            default_scope='mmdet',
            model=dict(
                type='RetinaNet',
                data_preprocessor=dict(
                    type='DetDataPreprocessor', bgr_to_rgb=True, pad_size_divisor=32
                ),
                backbone=dict(
                    type='ResNet',
                    depth=18,
                    base_channels=8,
                    num_stages=4,
                    out_indices=(1, 2, 3),
                    norm_eval=True,
                    init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet18'),
                ),
                neck=dict(type='FPN', in_channels=[16, 32, 64], out_channels=16, num_outs=3),
                bbox_head=dict(
                    type='RetinaHead',
                    num_classes=3,
                    in_channels=16,
                    feat_channels=16,
                    stacked_convs=1,
                    anchor_generator=dict(
                        type='AnchorGenerator', scales=[4], ratios=[1.0], strides=[8, 16, 32]
                    ),
                    bbox_coder=dict(type='DeltaXYWHBBoxCoder'),
                ),
                test_cfg=dict(
                    nms_pre=50,
                    min_bbox_size=0,
                    score_thr=0.0,
                    nms=dict(type='nms', iou_threshold=0.5),
                    max_per_img=5,
                ),
            ),
            test_dataloader=dict(
                dataset=dict(
                    type='CocoDataset',
                    metainfo=dict(classes=('cat', 'dog', 'boat')),
                    pipeline=[
                        dict(type='LoadImageFromFile'),
                        dict(type='Resize', scale=(64, 64), keep_ratio=True),
                        dict(type='LoadAnnotations', with_bbox=True),
                        dict(type='PackDetInputs'),
                    ],
                )
            ),
        )
    )


def colours(height: int, width: int, seed: int = 0) -> np.ndarray:
    """(height, width, 3) uint8: soft patches of colour."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    return np.array(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
