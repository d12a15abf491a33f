import pytest
import torch

from mmpatchioner.checkpoints import CheckpointError
from mmpatchioner.models.necks import DINONeck
from mmpatchioner.registry import MODELS
from tests.test_models.test_necks.tiny_clip import spread

TINY = {
    'hidden_size': 32,
    'intermediate_size': 64,
    'num_hidden_layers': 2,
    'num_attention_heads': 4,
    'image_size': 32,
    'patch_size': 8,
}


def build(**config) -> DINONeck:
    torch.manual_seed(0)
    backbone = dict(config={**TINY, **config})
    return spread(MODELS.build(dict(type='mmpatchioner.DINONeck', backbone=backbone)))


@torch.no_grad()
@pytest.mark.parametrize('size', [(32, 32), (40, 48)])
def test_tokens_are_those_after_the_final_layer_norm(size):
    neck, images = build(), torch.randn(2, 3, *size)
    feats = neck(images)
    tokens = neck.backbone(images, interpolate_pos_encoding=True).last_hidden_state
    assert feats.grid == (size[0] // 8, size[1] // 8)
    assert neck.patch_size == 8 and neck.embed_dims == 32
    assert torch.equal(feats.patches, tokens[:, 1:]) and torch.equal(feats.cls, tokens[:, 0])
    assert feats.registers is None


@torch.no_grad()
def test_attention_is_that_of_the_last_block():
    neck, images = build(attn_implementation='eager'), torch.randn(2, 3, 32, 32)
    # Probabilities over the patches alone are those over all tokens, renormalised.
    attentions = neck.backbone(images, output_attentions=True).attentions[-1][:, :, 0, 1:]
    expected = attentions / attentions.sum(dim=-1, keepdim=True)
    torch.testing.assert_close(neck(images).head_attention(), expected, atol=1e-6, rtol=1e-4)


def test_weights_load_from_a_folder(tmp_path):
    build().backbone.save_pretrained(tmp_path)
    neck = DINONeck(backbone=dict(pretrained=str(tmp_path)))
    neck.init_weights()
    images = torch.randn(1, 3, 32, 32)
    assert torch.equal(neck(images).patches, build()(images).patches)
    assert not any(parameter.requires_grad for parameter in neck.train().parameters())


@pytest.mark.parametrize(
    ('backbone', 'error', 'message'),
    [
        (dict(name='b8'), ValueError, r'neck\.backbone: expected'),
        (dict(pretrained='no/such-dino'), CheckpointError, r'neck\.backbone\.pretrained'),
    ],
)
def test_unknown_backbones_are_refused(backbone, error, message):
    with pytest.raises(error, match=message):
        DINONeck(backbone=backbone)
