import pytest
import torch
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from mmpatchioner.checkpoints import CheckpointError, save_safetensors
from mmpatchioner.models.necks import AlphaCLIPNeck, CLIPNeck
from mmpatchioner.registry import MODELS

TINY = {
    'hidden_size': 32,
    'intermediate_size': 64,
    'num_hidden_layers': 2,
    'num_attention_heads': 4,
    'image_size': 32,
    'patch_size': 8,
    'projection_dim': 16,
}


def build(**kwargs) -> AlphaCLIPNeck:
    torch.manual_seed(0)
    cfg = dict(type='mmpatchioner.AlphaCLIPNeck', backbone=dict(config=TINY))
    neck = MODELS.build({**cfg, **kwargs})
    for parameter in neck.parameters():  # transformers draws weights so small that tokens are equal
        if parameter.ndim > 1:
            parameter.data.normal_(std=0.2)
    return neck


def plain(neck: AlphaCLIPNeck) -> CLIPNeck:
    """CLIP with the same weights, without the alpha convolution."""
    clip = CLIPNeck(backbone=dict(config=TINY))
    clip.backbone.load_state_dict(neck.backbone.state_dict())
    return clip


@torch.no_grad()
def test_the_normalised_mask_is_a_fourth_channel():
    neck, images = build(), torch.randn(2, 3, 32, 32)
    masks = torch.rand(3, 32, 32) > 0.5
    owners = torch.tensor([1, 0, 1])
    feats = neck.encode_regions(images, masks, owners)
    assert feats.grid == (4, 4) and feats.patches.shape == (3, 16, 16)
    # The same as one convolution over four channels, in a CLIP of that many.
    four = CLIPVisionModelWithProjection(CLIPVisionConfig(**TINY, num_channels=4)).eval()
    state = neck.backbone.state_dict()
    name = 'vision_model.embeddings.patch_embedding.weight'
    state[name] = torch.cat([state[name], neck.alpha_embedding.weight], dim=1)
    four.load_state_dict(state)
    alpha = (masks.float() - 0.5) / 0.26
    outputs = four(torch.cat([images[owners], alpha[:, None]], dim=1))
    torch.testing.assert_close(feats.cls, outputs.image_embeds, atol=1e-5, rtol=1e-5)
    wide = neck.encode_regions(torch.randn(1, 3, 32, 48), torch.ones(1, 32, 48), owners[1:2])
    assert wide.patches.shape == (1, 24, 16)


@torch.no_grad()
def test_masks_have_an_effect_and_regions_none_on_each_other():
    neck, images = build(), torch.randn(2, 3, 32, 32)
    masks = torch.zeros(4, 32, 32, dtype=torch.bool)
    masks[0, :16], masks[1, 16:], masks[2, :16], masks[3, 5, 7] = True, True, True, True
    owners = torch.tensor([0, 0, 1, 1])
    together = neck.encode_regions(images, masks, owners)
    assert (together.cls[0] - together.cls[1]).abs().max() > 1e-2
    for index in range(4):
        alone = neck.encode_regions(
            images[owners[index]][None], masks[index][None], torch.zeros(1, dtype=torch.long)
        )
        torch.testing.assert_close(together.cls[index], alone.cls[0], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(together.patches[index], alone.patches[0], atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_without_a_region_the_mask_is_one_all_over():
    neck, images = build(), torch.randn(2, 3, 32, 32)
    whole = torch.ones(2, 32, 32, dtype=torch.bool)
    expected = neck.encode_regions(images, whole, torch.arange(2))
    torch.testing.assert_close(neck(images).patches, expected.patches)
    assert neck(images).head_attention().shape == (2, 4, 16)


@torch.no_grad()
def test_the_released_baseline_is_clip_whatever_the_mask(tmp_path):
    neck, images = build(), torch.randn(1, 3, 32, 32)
    neck.backbone.save_pretrained(tmp_path)
    official = AlphaCLIPNeck(backbone=dict(pretrained=str(tmp_path)), compat='official')
    masks = torch.zeros(2, 32, 32, dtype=torch.bool)
    masks[0, :9], masks[1, 20:] = True, True
    owners = torch.zeros(2, dtype=torch.long)
    expected = plain(neck)(images).cls
    torch.testing.assert_close(
        official.encode_regions(images, masks, owners).cls, expected.expand(2, -1)
    )
    seen = neck.encode_regions(images, masks, owners).cls
    assert (seen - expected).abs().amax(dim=1).min() > 1e-2


@torch.no_grad()
def test_clip_takes_the_place_of_alphaclip_in_official_alone(tmp_path):
    trained, images = build(), torch.randn(1, 3, 32, 32)
    save_safetensors(trained.state_dict(), tmp_path / 'alphaclip.safetensors')
    other = CLIPVisionModelWithProjection(CLIPVisionConfig(**TINY)).eval()
    other.save_pretrained(tmp_path / 'clip')
    settings = dict(
        backbone=dict(config=TINY),
        init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'alphaclip.safetensors')),
        official_backbone=dict(pretrained=str(tmp_path / 'clip')),
    )
    ours, released = AlphaCLIPNeck(**settings), AlphaCLIPNeck(**settings, compat='official')
    for neck in (ours, released):
        neck.init_weights()
    torch.testing.assert_close(ours(images).cls, trained(images).cls)
    torch.testing.assert_close(released(images).cls, other(images).image_embeds)


def test_a_clip_that_knows_no_masks_is_refused():
    with pytest.raises(ValueError, match='in which no mask has an effect'):
        AlphaCLIPNeck(backbone=dict(pretrained='openai/clip-vit-base-patch16'))


def test_weights_are_loaded_all_or_none(tmp_path):
    trained, path = build(), tmp_path / 'alphaclip.safetensors'
    save_safetensors(trained.state_dict(), path)
    init_cfg = dict(type='Pretrained', checkpoint=str(path))
    loaded = AlphaCLIPNeck(backbone=dict(config=TINY), init_cfg=init_cfg)
    loaded.init_weights()
    images = torch.randn(1, 3, 32, 32)
    torch.testing.assert_close(loaded(images).cls, trained(images).cls)
    save_safetensors(trained.backbone.state_dict(), path)
    with pytest.raises(CheckpointError, match=r'missing: alpha_embedding\.weight'):
        AlphaCLIPNeck(backbone=dict(config=TINY), init_cfg=init_cfg).init_weights()
    untouched = build()
    untouched.init_weights()
    torch.testing.assert_close(untouched(images).cls, trained(images).cls)


def test_inputs_are_checked():
    neck, images = build().train(), torch.randn(1, 3, 32, 32)
    assert not neck.training
    assert not any(parameter.requires_grad for parameter in neck.parameters())
    with pytest.raises(ValueError, match=r'masks: expected \(1, 32, 32\)'):
        neck.encode_regions(images, torch.ones(1, 4, 4), torch.zeros(1, dtype=torch.long))
    with pytest.raises(ValueError, match=r'neck\.compat'):
        build(compat='released')
