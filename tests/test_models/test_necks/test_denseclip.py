import pytest
import torch

from mmpatchioner.checkpoints import CheckpointError, save_safetensors
from mmpatchioner.models.necks import DenseCLIPNeck
from mmpatchioner.registry import MODELS
from tests.test_models.test_necks.tiny_clip import TINY, clip_with, spread


def build(**kwargs) -> DenseCLIPNeck:
    torch.manual_seed(0)
    cfg = dict(type='mmpatchioner.DenseCLIPNeck', backbone=dict(config=TINY), **kwargs)
    return spread(MODELS.build(cfg))


@pytest.mark.parametrize('size', [(32, 32), (48, 64)])
def test_the_released_code_runs_it_as_clip(size):
    neck, images = build(compat='official'), torch.randn(2, 3, *size)
    feats, expected = neck(images), clip_with(neck.backbone)(images)
    assert torch.equal(feats.patches, expected.patches) and torch.equal(feats.cls, expected.cls)
    assert torch.equal(feats.head_attention(), expected.head_attention())


@torch.no_grad()
def test_the_class_embedding_is_added_twice_as_in_training():
    neck, images = build(), torch.randn(2, 3, 32, 32)
    clip = clip_with(neck.backbone)
    assert (neck(images).patches - clip(images).patches).abs().max() > 1e-3
    clip.backbone.vision_model.embeddings.class_embedding.mul_(2)
    torch.testing.assert_close(neck(images).patches, clip(images).patches)
    torch.testing.assert_close(neck(images).cls, clip(images).cls)


def test_weights_are_loaded_all_or_none(tmp_path):
    trained, path = build(), tmp_path / 'denseclip.safetensors'
    save_safetensors(trained.state_dict(), path)
    init_cfg = dict(type='Pretrained', checkpoint=str(path))
    loaded = DenseCLIPNeck(backbone=dict(config=TINY), init_cfg=init_cfg)
    loaded.init_weights()
    images = torch.randn(1, 3, 32, 32)
    torch.testing.assert_close(loaded(images).patches, trained(images).patches)
    state = trained.state_dict()
    del state['backbone.visual_projection.weight']
    save_safetensors(state, path)
    with pytest.raises(CheckpointError, match=r'missing: backbone\.visual_projection\.weight'):
        DenseCLIPNeck(backbone=dict(config=TINY), init_cfg=init_cfg).init_weights()
    untouched = build()
    untouched.init_weights()
    assert torch.equal(untouched(images).cls, trained(images).cls)


def test_a_plain_clip_is_refused():
    with pytest.raises(ValueError, match='Weights come by init_cfg'):
        DenseCLIPNeck(backbone=dict(pretrained='openai/clip-vit-base-patch16'))
    with pytest.raises(ValueError, match=r'neck\.compat'):
        build(compat='released')
