import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mmpatchioner.models.necks import CLIPNeck, INViTENeck
from mmpatchioner.registry import MODELS
from tests.test_models.test_necks.tiny_clip import TINY, clip_with, spread


def build(**kwargs) -> INViTENeck:
    torch.manual_seed(0)
    cfg = dict(type='mmpatchioner.INViTENeck', backbone=dict(config=TINY), **kwargs)
    return spread(MODELS.build(cfg))


def run_by_hand(neck: INViTENeck, images: Tensor, num_layers: int) -> Tensor:
    """Patches by the definition: a mask under which a token of the last layers sees itself alone."""
    model = neck.backbone
    tower = model.vision_model
    patches = tower.embeddings.patch_embedding(images).flatten(2).transpose(1, 2)
    cls = tower.embeddings.class_embedding.expand(len(images), 1, -1)
    positions = tower.embeddings.position_embedding.weight
    tokens = tower.pre_layrnorm(torch.cat([cls, patches], dim=1) + positions)
    layers = tower.encoder.layers
    for index, layer in enumerate(layers):
        normed, attention = layer.layer_norm1(tokens), layer.self_attn
        q, k, v = (
            projection(normed).unflatten(-1, (4, -1)).transpose(1, 2)
            for projection in (attention.q_proj, attention.k_proj, attention.v_proj)
        )
        logits = q @ k.transpose(2, 3) * q.shape[-1] ** -0.5
        if index >= len(layers) - num_layers:
            own = torch.eye(logits.shape[-1], dtype=torch.bool)
            logits = logits.masked_fill(~own, -torch.inf)
        attended = (logits.softmax(dim=-1) @ v).transpose(1, 2).flatten(2)
        tokens = tokens + attention.out_proj(attended)
        tokens = tokens + layer.mlp(layer.layer_norm2(tokens))
    return model.visual_projection(tower.post_layernorm(tokens))


@torch.no_grad()
@pytest.mark.parametrize('num_layers', [0, 1, 2, 3])
def test_tokens_of_the_last_layers_see_themselves_alone(num_layers):
    neck, images = build(num_layers=num_layers), torch.randn(2, 3, 32, 32)
    feats = neck(images)
    expected = run_by_hand(neck, images, num_layers)
    torch.testing.assert_close(feats.patches, expected[:, 1:], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(feats.cls, expected[:, 0], atol=1e-5, rtol=1e-4)
    assert feats.grid == (4, 4) and neck.embed_dims == 16


def test_no_such_layer_is_clip_and_one_is_not():
    images = torch.randn(2, 3, 48, 32)
    none, one = build(num_layers=0), build(num_layers=1)
    clip = clip_with(none.backbone)
    assert torch.equal(none(images).patches, clip(images).patches)
    torch.testing.assert_close(none(images).head_attention(), clip(images).head_attention())
    assert (one(images).patches - clip(images).patches).abs().max() > 1e-2


def test_with_all_layers_a_patch_depends_on_its_own_pixels_only():
    neck, images = build(num_layers=3), torch.randn(1, 3, 32, 32)
    changed = images.clone()
    changed[..., 8:, :] += 1.0
    before, after = neck(images).patches[0], neck(changed).patches[0]
    torch.testing.assert_close(before[:4], after[:4])
    assert (before[4:] - after[4:]).abs().amax(dim=1).min() > 1e-2


def test_the_released_code_resamples_positions_without_antialiasing():
    images = torch.randn(1, 3, 48, 64)
    neck, official = build(), build(compat='official')
    clip = clip_with(build(num_layers=0).backbone)
    assert (neck(images).patches - official(images).patches).abs().max() > 1e-3
    assert neck.antialias is clip.antialias is True and official.antialias is False
    same_size = torch.randn(1, 3, 32, 32)
    assert torch.equal(neck(same_size).patches, official(same_size).patches)


@torch.no_grad()
def test_plain_bicubic_is_that_of_transformers():
    images = torch.randn(1, 3, 48, 64)
    neck = spread(CLIPNeck(backbone=dict(config=TINY), antialias=False))
    expected = neck.backbone(images, interpolate_pos_encoding=True).image_embeds
    torch.testing.assert_close(neck(images).cls, expected, atol=1e-5, rtol=1e-4)


def test_weights_keep_their_names():
    neck = build(num_layers=2)
    names = CLIPNeck(backbone=dict(config=TINY)).backbone.state_dict().keys()
    assert neck.backbone.state_dict().keys() == names


def test_weights_come_from_a_folder_and_half_precision_stays_close(tmp_path):
    clip = build(num_layers=0).backbone
    clip.save_pretrained(tmp_path)
    backbone, images = dict(pretrained=str(tmp_path)), torch.randn(1, 3, 32, 32)
    neck = INViTENeck(backbone=backbone)
    neck.init_weights()
    expected = build()
    expected.backbone.load_state_dict(clip.state_dict())
    full = neck(images).patches
    assert torch.equal(full, expected(images).patches)
    half = INViTENeck(backbone=backbone, autocast='bf16')(images).patches
    assert half.dtype == torch.float32 and F.cosine_similarity(full, half, dim=-1).min() > 0.99


def test_there_is_no_attention_to_weight_by():
    with pytest.raises(ValueError, match="weighting='attention'"):
        build()(torch.randn(1, 3, 32, 32)).attention()


@pytest.mark.parametrize('num_layers', [-1, 4])
def test_layers_that_are_not_there_are_refused(num_layers):
    with pytest.raises(ValueError, match=r'neck\.num_layers: expected 0 to 3'):
        build(num_layers=num_layers)
