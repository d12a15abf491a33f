import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mmpatchioner.datasets.transforms.patch_view import (
    CLIP_MEAN,
    CLIP_STD,
    IMAGENET_MEAN,
    IMAGENET_STD,
)
from mmpatchioner.models.necks import CLIPNeck, ProxyCLIPNeck
from mmpatchioner.models.necks.proxyclip import proxy_attention
from mmpatchioner.registry import MODELS
from tests.test_models.test_necks.tiny_clip import TINY, spread

DINO = dict(
    type='mmpatchioner.DINONeck',
    backbone=dict(
        config=dict(
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            image_size=32,
            patch_size=4,
        )
    ),
)
DINOV2 = dict(
    type='mmpatchioner.DINOv2Neck',
    backbone=dict(
        config=dict(
            hidden_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=28, patch_size=14
        ),
        registers=4,
    ),
)


def build(proxy=DINO, **kwargs) -> ProxyCLIPNeck:
    torch.manual_seed(0)
    cfg = dict(type='mmpatchioner.ProxyCLIPNeck', backbone=dict(config=TINY), proxy=proxy, **kwargs)
    return spread(MODELS.build(cfg))


def whole_clip() -> CLIPNeck:
    """The CLIP that `build` makes, with its last block."""
    torch.manual_seed(0)
    return spread(CLIPNeck(backbone=dict(config=TINY)))


def run_by_hand(clip: CLIPNeck, clip_view: Tensor, proxy: Tensor, grid: tuple[int, int]) -> Tensor:
    """Patches (N, D) of one image by the definition, head by head."""
    tower, layer = clip.backbone.vision_model, clip.backbone.vision_model.encoder.layers[-1]
    hidden = tower(
        clip_view, output_hidden_states=True, interpolate_pos_encoding=True
    ).hidden_states[-2]
    rows, columns = clip_view.shape[2] // 8, clip_view.shape[3] // 8
    values = layer.self_attn.v_proj(layer.layer_norm1(hidden[0, 1:])).unflatten(-1, (4, 8))
    cosines = F.cosine_similarity(proxy[:, None], proxy[None], dim=-1)
    logits = (cosines - 1.2 * cosines.mean()) * 3.0
    weights = logits.masked_fill(logits < 0, -torch.inf).softmax(dim=-1)
    heads = []
    for head in values.unbind(dim=1):
        resized = F.interpolate(head.T.reshape(1, 8, rows, columns), grid, mode='bilinear')
        heads.append(weights @ resized[0].flatten(1).T)
    gathered = layer.self_attn.out_proj(torch.cat(heads, dim=1))
    tokens = clip.backbone.visual_projection(tower.post_layernorm(gathered))
    return F.normalize(tokens, dim=-1)


def as_clip_sees(view: Tensor) -> Tensor:
    """The view, normalised with CLIP's statistics instead of ImageNet's."""
    mean, std, clip_mean, clip_std = (
        torch.tensor(numbers).view(3, 1, 1)
        for numbers in (IMAGENET_MEAN, IMAGENET_STD, CLIP_MEAN, CLIP_STD)
    )
    return (view * std + mean - clip_mean) / clip_std


@pytest.fixture
def same_clip():
    """A neck and the whole CLIP with its weights."""

    def pair(**kwargs) -> tuple[ProxyCLIPNeck, CLIPNeck]:
        neck, clip = build(**kwargs), whole_clip()
        last = clip.backbone.vision_model.encoder.layers[-1]
        neck.backbone.load_state_dict(clip.backbone.state_dict(), strict=False)
        neck.value_norm.load_state_dict(last.layer_norm1.state_dict())
        neck.value_projection.load_state_dict(last.self_attn.v_proj.state_dict())
        neck.output_projection.load_state_dict(last.self_attn.out_proj.state_dict())
        return neck, clip

    return pair


@torch.no_grad()
def test_values_of_clip_are_gathered_by_the_similarity_of_the_proxy(same_clip):
    neck, clip = same_clip()
    images = torch.randn(2, 3, 32, 32)
    feats = neck(images)
    assert feats.grid == (8, 8) and feats.patches.shape == (2, 64, 16)
    assert neck.patch_size == 4 and neck.embed_dims == 16
    assert feats.cls is None and feats.head_logits_fn is None
    proxies = neck.proxy(images).patches
    for image, proxy, patches in zip(images, proxies, feats.patches, strict=True):
        expected = run_by_hand(clip, as_clip_sees(image)[None], proxy, (8, 8))
        torch.testing.assert_close(patches, expected, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(feats.patches.norm(dim=-1), torch.ones(2, 64))


def test_results_do_not_depend_on_the_batch_but_those_of_the_released_code_do():
    flat, busy = torch.zeros(1, 3, 32, 32), 3 * torch.randn(1, 3, 32, 32)
    flat[..., :4, :4] = 2.0
    batch = torch.cat([busy, flat])
    neck, official = build(), build(compat='official')
    together, alone = neck(batch).patches[0], neck(busy).patches[0]
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)
    together, alone = official(batch).patches[0], official(busy).patches[0]
    assert (together - alone).abs().max() > 1e-2


@torch.no_grad()
def test_the_released_code_shows_clip_the_statistics_of_the_proxy(same_clip):
    neck, clip = same_clip(compat='official')
    image = torch.randn(1, 3, 32, 32)
    proxy = neck.proxy(image).patches[0]
    found = neck(image).patches[0]
    torch.testing.assert_close(found, run_by_hand(clip, image, proxy, (8, 8)), atol=1e-5, rtol=1e-4)
    right = run_by_hand(clip, as_clip_sees(image), proxy, (8, 8))
    assert (found - right).abs().max() > 1e-2


@torch.no_grad()
def test_where_patches_of_clip_do_not_divide_the_view_it_is_resized_not_cut():
    neck, official = build(), build(compat='official')
    image = torch.randn(1, 3, 36, 44)  # 9 x 11 patches of the proxy, 4.5 x 5.5 of CLIP
    changed = image.clone()
    changed[..., 32:, :] += 1.0
    assert neck(image).grid == official(image).grid == (9, 11)
    assert neck._values(image).shape[2:] == (5, 6)
    assert official._values(image).shape[2:] == (4, 5)
    assert torch.equal(official._values(image), official._values(changed))  # not seen
    assert (neck._values(image) - neck._values(changed)).abs().max() > 1e-2
    # A constant stays what it is.
    assert torch.allclose(
        neck._clip_view(torch.ones(1, 3, 36, 44)), as_clip_sees(torch.ones(1, 3, 40, 48)), atol=1e-5
    )


def test_any_neck_can_be_the_proxy():
    neck = build(DINOV2)
    feats = neck(torch.randn(1, 3, 42, 28))
    assert feats.grid == (3, 2) and feats.patches.shape == (1, 6, 16) and neck.patch_size == 14
    assert feats.patches.isfinite().all()


def test_weights_of_three_patches_by_hand():
    patches = torch.tensor([[[2.0, 0.0], [0.6, 0.8], [0.0, -3.0]]])
    # Cosines 0.6, 0 and -0.8 beside ones; their mean over all nine pairs is 2.6 / 9, of which 1.2 are 0.3467.
    kept = torch.tensor([3 * (1 - 1.2 * 2.6 / 9), 3 * (0.6 - 1.2 * 2.6 / 9)]).exp()
    high, low = kept / kept.sum()
    expected = torch.tensor([[high, low, 0.0], [low, high, 0.0], [0.0, 0.0, 1.0]])
    torch.testing.assert_close(proxy_attention(patches, beta=1.2, gamma=3.0)[0], expected)
    # More patches are left out where the mean of the batch is higher.
    batch = torch.cat([patches, torch.ones(1, 3, 2)])
    mean = (2.6 / 9 + 1.0) / 2
    assert 1.2 * mean > 0.6
    assert torch.equal(proxy_attention(batch, 1.2, 3.0, over_batch=True)[0], torch.eye(3))


def test_where_all_patches_are_alike_each_has_itself():
    weights = proxy_attention(torch.ones(1, 4, 8), beta=1.2, gamma=3.0)
    assert torch.equal(weights[0], torch.eye(4))
    feats = build()(torch.zeros(1, 3, 32, 32))
    assert feats.patches.isfinite().all()


def test_weights_load_from_folders_and_half_precision_stays_close(tmp_path, same_clip):
    _, clip = same_clip()
    clip.backbone.save_pretrained(tmp_path / 'clip')
    build().proxy.backbone.save_pretrained(tmp_path / 'dino')
    dino = dict(type='mmpatchioner.DINONeck', backbone=dict(pretrained=str(tmp_path / 'dino')))
    images = torch.randn(1, 3, 32, 32)

    def load(**kwargs) -> Tensor:
        neck = ProxyCLIPNeck(
            backbone=dict(pretrained=str(tmp_path / 'clip')), proxy=dino, **kwargs
        ).train()
        neck.init_weights()
        assert not neck.proxy.training
        assert not any(parameter.requires_grad for parameter in neck.parameters())
        return neck(images).patches

    neck, _ = same_clip()
    neck.proxy.backbone.load_state_dict(build().proxy.backbone.state_dict())
    torch.testing.assert_close(load(), neck(images).patches)
    half = load(autocast='bf16')
    assert half.dtype == torch.float32
    assert F.cosine_similarity(half, load(), dim=-1).min() > 0.99


def test_options_are_checked():
    with pytest.raises(ValueError, match=r'neck\.gamma: expected more than 0'):
        build(gamma=0.0)
    with pytest.raises(ValueError, match=r'neck\.compat'):
        build(compat='released')
    with pytest.raises(ValueError, match='multiples of the patch size 4'):
        build()(torch.zeros(1, 3, 30, 32))
