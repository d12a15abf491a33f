import pytest
import torch
from safetensors.torch import save_file

from mmpatchioner.models.necks import DINOv2Neck, PatchFeatures
from mmpatchioner.registry import MODELS

TINY = {
    'hidden_size': 32,
    'num_hidden_layers': 2,
    'num_attention_heads': 4,
    'image_size': 56,
    'patch_size': 14,
    'layer_norm_eps': 1e-6,
}


def build(registers=0, **kwargs) -> DINOv2Neck:
    torch.manual_seed(0)
    return MODELS.build(
        dict(
            type='mmpatchioner.DINOv2Neck',
            backbone=dict(config=TINY, registers=registers),
            **kwargs,
        )
    )


@pytest.mark.parametrize('registers', [0, 4])
@pytest.mark.parametrize('size', [(56, 56), (42, 70)])
def test_tokens_are_split_into_cls_registers_and_row_major_patches(registers, size):
    neck = build(registers)
    images = torch.randn(2, 3, *size)
    feats = neck(images)
    rows, cols = size[0] // 14, size[1] // 14
    tokens = neck.backbone(images).last_hidden_state
    assert feats.grid == (rows, cols)
    assert feats.patches.shape == (2, rows * cols, 32)
    torch.testing.assert_close(feats.patches, tokens[:, 1 + registers :])
    torch.testing.assert_close(feats.cls, tokens[:, 0])
    if registers:
        torch.testing.assert_close(feats.registers, tokens[:, 1 : 1 + registers])
    else:
        assert feats.registers is None


def test_results_do_not_depend_on_the_batch():
    neck = build(4)
    images = torch.randn(3, 3, 56, 56)
    together = neck(images).patches
    for index in range(3):
        alone = neck(images[index : index + 1]).patches[0]
        torch.testing.assert_close(together[index], alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize('registers', [0, 4])
def test_attention_is_the_head_mean_of_the_cls_logits(registers):
    neck = build(registers)
    images = torch.randn(2, 3, 56, 56)
    layer = neck.backbone.encoder.layer[-1]
    hidden = layer.norm1(neck.backbone(images, output_hidden_states=True).hidden_states[-2])
    attention = layer.attention
    query, key = (
        getattr(attention, f'{name[0]}_proj', None) or getattr(attention.attention, name)
        for name in ('query', 'key')
    )
    logits = []
    for head in range(4):  # one head at a time, 8 wide
        part = slice(head * 8, head * 8 + 8)
        q, k = query(hidden)[:, :1, part], key(hidden)[:, :, part]
        logits.append((q @ k.transpose(1, 2))[:, 0] / 8**0.5)
    stacked = torch.stack(logits, dim=1)[..., 1 + registers :]  # (B, H, N)
    expected = stacked.mean(dim=1).softmax(dim=-1)
    torch.testing.assert_close(neck(images).attention(), expected, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(neck(images).head_attention(), stacked.softmax(dim=-1))
    # The released code divides by 16 heads whatever the backbone has.
    official = (stacked.sum(dim=1) / 16).softmax(dim=-1)
    torch.testing.assert_close(neck(images).attention(official=True), official)


def test_attention_is_that_of_its_own_pass():
    neck, other = build(4), build(0)
    images = torch.randn(2, 3, 56, 56)
    first = neck(images[:1])
    expected = neck(images[:1]).attention()
    neck(images[1:])
    other(images)
    torch.testing.assert_close(first.attention(), expected)
    assert not torch.allclose(first.attention(), neck(images[1:]).attention())


def test_the_released_code_knows_the_heads_of_vit_s():
    logits = torch.randn(1, 6, 9)
    feats = PatchFeatures(torch.randn(1, 9, 4), (3, 3), head_logits_fn=lambda: logits)
    torch.testing.assert_close(feats.attention(official=True), feats.attention())


def test_a_neck_without_attention_says_so():
    with pytest.raises(ValueError, match="weighting='uniform'"):
        PatchFeatures(torch.randn(1, 9, 4), (3, 3)).attention()


def test_feature_transform_centres_and_whitens_the_tokens(tmp_path):
    path = tmp_path / 'transform.safetensors'
    mean, whiten = torch.randn(32), torch.randn(32, 32)
    save_file({'mean': mean, 'whiten': whiten}, path)
    plain, aligned = build(), build(feature_transform=str(path))
    images = torch.randn(1, 3, 56, 56)
    expected = (plain(images).patches - mean) @ whiten
    torch.testing.assert_close(aligned(images).patches, expected, atol=1e-5, rtol=1e-4)


def test_a_transform_of_another_backbone_is_refused(tmp_path):
    path = tmp_path / 'transform.safetensors'
    save_file({'mean': torch.zeros(16), 'whiten': torch.eye(16)}, path)
    with pytest.raises(ValueError, match='expected a map of the 32 dimensions'):
        build(feature_transform=str(path))
    save_file({'mean': torch.zeros(16)}, path)
    with pytest.raises(ValueError, match='expected the tensors `mean`'):
        build(feature_transform=str(path))


@pytest.mark.parametrize(
    ('shape', 'message'),
    [((1, 3, 50, 56), 'multiples of the patch size 14'), ((3, 56, 56), r'expected \(B, 3, h, w\)')],
)
def test_inputs_of_another_shape_are_refused(shape, message):
    with pytest.raises(ValueError, match=message):
        build()(torch.zeros(shape))


def test_unknown_backbone_forms_are_refused():
    with pytest.raises(ValueError, match=r'neck\.backbone: expected'):
        MODELS.build(dict(type='mmpatchioner.DINOv2Neck', backbone=dict(name='vits')))
    with pytest.raises(ValueError, match=r'neck\.autocast'):
        build(autocast='int8')


def test_weights_load_from_a_local_folder_and_survive_init_weights(tmp_path):
    source = build(4)
    source.backbone.save_pretrained(tmp_path)
    loaded = MODELS.build(
        dict(type='mmpatchioner.DINOv2Neck', backbone=dict(pretrained=str(tmp_path)))
    )
    loaded.init_weights()
    images = torch.randn(1, 3, 56, 56)
    torch.testing.assert_close(loaded(images).patches, source(images).patches)


def test_bf16_runs_the_backbone_and_gives_fp32_near_the_full_one():
    images = torch.randn(1, 3, 56, 56)
    full, half = build()(images).patches, build(autocast='bf16')(images).patches
    assert half.dtype == torch.float32
    assert torch.nn.functional.cosine_similarity(full, half, dim=-1).min() > 0.99


def test_the_neck_stays_frozen_in_training_mode():
    neck = build().train()
    assert not neck.backbone.training
    assert not any(p.requires_grad for p in neck.parameters())
