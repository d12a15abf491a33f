import sys
from types import ModuleType

import pytest
import torch
from torch.nn import functional as F

from mmpatchioner.checkpoints import CheckpointError
from mmpatchioner.registry import MODELS

pytest.importorskip('transformers.models.dinov3_vit')

from mmpatchioner.models.necks import DINOv3Neck

TINY = {
    'hidden_size': 32,
    'intermediate_size': 64,
    'num_hidden_layers': 2,
    'num_attention_heads': 2,
    'image_size': 64,
    'patch_size': 16,
    'num_register_tokens': 4,
}


def build(**kwargs) -> DINOv3Neck:
    torch.manual_seed(0)
    neck = MODELS.build(dict(type='mmpatchioner.DINOv3Neck', backbone=dict(config=TINY), **kwargs))
    for parameter in neck.parameters():  # transformers draws weights so small that tokens are equal
        if parameter.ndim > 1:
            parameter.data.normal_(std=0.3)
    return neck


@torch.no_grad()
@pytest.mark.parametrize('size', [(64, 64), (32, 96)])
def test_tokens_are_told_apart(size):
    neck, images = build(), torch.randn(2, 3, *size)
    feats = neck(images)
    expected = neck.backbone(images).last_hidden_state
    rows, cols = size[0] // 16, size[1] // 16
    assert feats.grid == (rows, cols) and feats.patches.shape == (2, rows * cols, 32)
    torch.testing.assert_close(feats.cls, expected[:, 0])
    torch.testing.assert_close(feats.registers, expected[:, 1:5])
    torch.testing.assert_close(feats.patches, expected[:, 5:])
    assert (neck.patch_size, neck.embed_dims, neck.num_registers) == (16, 32, 4)


@torch.no_grad()
def test_attention_is_that_of_the_last_block():
    neck, images = build(), torch.randn(2, 3, 64, 96)
    feats = neck(images)
    neck.backbone.set_attn_implementation('eager')
    attentions = neck.backbone(images, output_attentions=True).attentions[-1][:, :, 0, 5:]
    expected = attentions / attentions.sum(dim=-1, keepdim=True)
    torch.testing.assert_close(feats.head_attention(), expected, atol=1e-6, rtol=1e-4)


@torch.no_grad()
def test_the_released_attention_has_no_positions_and_equal_patches():
    neck, official, images = build(), build(compat='official'), torch.randn(1, 3, 64, 64)
    feats, released = neck(images), official(images)
    torch.testing.assert_close(feats.patches, released.patches)
    assert (feats.attention() - released.attention()).abs().max() > 1e-3
    layer = neck._last_layer
    seen = []
    hook = layer.attention.register_forward_pre_hook(
        lambda _, args, kwargs: seen.append(args[0] if args else kwargs['hidden_states']),
        with_kwargs=True,
    )
    neck.backbone(images)
    hook.remove()
    q = layer.attention.q_proj(seen[0])[:, 0]
    k = layer.attention.k_proj(seen[0])[:, 5:]
    expected = ((q[:, None] * k).sum(dim=-1) * 16**-0.5 / 2).softmax(dim=-1)
    torch.testing.assert_close(released.attention(), expected, atol=1e-6, rtol=1e-4)


def test_results_do_not_depend_on_the_batch():
    neck, images = build(), torch.randn(3, 3, 64, 64)
    together = neck(images).patches
    for index in range(3):
        alone = neck(images[index : index + 1]).patches[0]
        torch.testing.assert_close(together[index], alone, atol=1e-5, rtol=1e-5)


def test_weights_come_from_a_folder_and_the_neck_stays_frozen(tmp_path):
    neck = build()
    neck.backbone.save_pretrained(tmp_path)
    loaded = DINOv3Neck(backbone=dict(pretrained=str(tmp_path))).train()
    images = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(loaded(images).patches, neck(images).patches)
    assert not loaded.backbone.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())


def test_bf16_is_near():
    images = torch.randn(1, 3, 64, 64)
    full, half = build()(images), build(autocast='bf16')(images)
    assert half.patches.dtype == half.attention().dtype == torch.float32
    assert F.cosine_similarity(full.patches, half.patches, dim=-1).min() > 0.98


def test_an_old_transformers_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, 'transformers', ModuleType('transformers'))
    with pytest.raises(ImportError, match=r'needs transformers 4\.56 or later, found'):
        DINOv3Neck(backbone=dict(config=TINY))


def test_options_are_checked():
    with pytest.raises(ValueError, match=r'neck\.compat'):
        build(compat='released')
    with pytest.raises(ValueError, match=r'neck\.backbone: expected'):
        DINOv3Neck(backbone=dict(name='b16'))
    with pytest.raises(CheckpointError, match=r'neck\.backbone\.pretrained'):
        DINOv3Neck(backbone=dict(pretrained='no/such-dino'))
    with pytest.raises(ValueError, match='multiples of the patch size 16'):
        build()(torch.zeros(1, 3, 70, 64))
