import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mmpatchioner.checkpoints import CheckpointError, save_safetensors
from mmpatchioner.models.necks import ModifiedResNet, RegionCLIPNeck
from mmpatchioner.registry import MODELS

TINY = dict(layers=(1, 2, 1, 1), width=4, out_dims=24, side=3)


def build(**kwargs) -> RegionCLIPNeck:
    torch.manual_seed(0)
    cfg = dict(type='mmpatchioner.RegionCLIPNeck', backbone=dict(config=TINY))
    neck = MODELS.build({**cfg, **kwargs})
    for name, tensor in neck.state_dict().items():
        if name.endswith(('running_mean', 'bn1.bias', 'bn2.bias', 'bn3.bias')):
            tensor.normal_(std=0.2)
        elif name.endswith('running_var'):
            tensor.uniform_(0.5, 1.5)
        elif tensor.ndim == 4:
            tensor.normal_(std=tensor[0].numel() ** -0.5)
        elif tensor.ndim == 2:
            tensor.normal_(std=0.3)
    return neck


def pooled(neck: RegionCLIPNeck, features: Tensor, positions: Tensor) -> Tensor:
    """CLIP's attention pool with every position as a query, by torch: (B, 1 + N, D)."""
    pool = neck.backbone.attnpool
    flat = features.flatten(2).permute(2, 0, 1)
    tokens = torch.cat([flat.mean(dim=0, keepdim=True), flat]) + positions[:, None]
    outputs, _ = F.multi_head_attention_forward(
        query=tokens,
        key=tokens,
        value=tokens,
        embed_dim_to_check=tokens.shape[-1],
        num_heads=tokens.shape[-1] // 64,
        q_proj_weight=pool.q_proj.weight,
        k_proj_weight=pool.k_proj.weight,
        v_proj_weight=pool.v_proj.weight,
        in_proj_weight=None,
        in_proj_bias=torch.cat([pool.q_proj.bias, pool.k_proj.bias, pool.v_proj.bias]),
        bias_k=None,
        bias_v=None,
        add_zero_attn=False,
        dropout_p=0,
        out_proj_weight=pool.c_proj.weight,
        out_proj_bias=pool.c_proj.bias,
        use_separate_proj_weight=True,
        training=False,
        need_weights=False,
    )
    return outputs.transpose(0, 1)


@torch.no_grad()
def test_every_position_asks_and_outputs_have_unit_length():
    neck, images = build(), torch.randn(2, 3, 96, 96)
    feats = neck(images)
    assert feats.grid == (3, 3) and feats.patches.shape == (2, 9, 24)
    positions = neck.backbone.attnpool.positional_embedding
    expected = F.normalize(pooled(neck, neck.backbone(images), positions), dim=-1)
    torch.testing.assert_close(feats.cls, expected[:, 0], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(feats.patches, expected[:, 1:], atol=1e-5, rtol=1e-4)
    assert (neck.patch_size, neck.embed_dims) == (32, 24)


@torch.no_grad()
@pytest.mark.parametrize('size', [(160, 160), (64, 128)])
def test_positions_are_resampled_for_inputs_of_other_sizes(size):
    neck, images = build(), torch.randn(1, 3, *size)
    feats = neck(images)
    grid = (size[0] // 32, size[1] // 32)
    table = neck.backbone.attnpool.positional_embedding
    square = table[1:].T.reshape(1, -1, 3, 3)
    resampled = F.interpolate(square, grid, mode='bicubic', antialias=True).flatten(2)[0].T
    expected = pooled(neck, neck.backbone(images), torch.cat([table[:1], resampled]))
    expected = F.normalize(expected[:, 1:], dim=-1)
    assert feats.grid == grid
    torch.testing.assert_close(feats.patches, expected, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_the_released_code_draws_positions_for_inputs_of_other_sizes():
    images = torch.randn(1, 3, 160, 160)
    ours, drawn = build()(images), build(compat='official')(images)
    assert (ours.patches - drawn.patches).abs().max() > 1e-2
    again, other = build(compat='official'), build(compat='official', seed=1)
    assert torch.equal(again(images).patches, drawn.patches)
    assert not torch.allclose(other(images).patches, drawn.patches, atol=1e-2)
    # As it initialises them: standard deviation of C ** -0.5.
    positions = again._positions((5, 5))
    assert positions.shape == (26, 128)
    assert positions.std().item() == pytest.approx(128**-0.5, rel=0.05)
    # Those of its own size stay what they are.
    torch.testing.assert_close(
        build(compat='official')(images[..., :96, :96]).patches, build()(images[..., :96, :96]).patches
    )  # fmt: skip


@torch.no_grad()
def test_batch_normalisation_is_frozen_in_training_mode():
    neck, images = build(), torch.randn(3, 3, 96, 96)
    before = {name: tensor.clone() for name, tensor in neck.state_dict().items()}
    together = neck.train()(images).patches
    assert not any(parameter.requires_grad for parameter in neck.parameters())
    for name, tensor in neck.state_dict().items():
        assert torch.equal(tensor, before[name])
    for index in range(3):
        alone = neck(images[index : index + 1]).patches[0]
        torch.testing.assert_close(together[index], alone, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_attention_is_that_of_the_mean():
    neck, images = build(), torch.randn(2, 3, 96, 96)
    pool = neck.backbone.attnpool
    tokens = pool.tokens(neck.backbone(images), pool.positional_embedding)
    q = pool.q_proj(tokens)[:, 0].view(2, 2, 1, 64)
    k = pool.k_proj(tokens)[:, 1:].view(2, 9, 2, 64).transpose(1, 2)
    expected = ((q * k).sum(dim=-1) / 8).softmax(dim=-1)
    torch.testing.assert_close(neck(images).head_attention(), expected, atol=1e-6, rtol=1e-4)


def test_bf16_is_near():
    images = torch.randn(1, 3, 96, 96)
    full, half = build()(images).patches, build(autocast='bf16')(images).patches
    assert half.dtype == torch.float32
    assert F.cosine_similarity(full, half, dim=-1).min() > 0.98


def test_an_empty_config_is_rn50():
    with torch.device('meta'):
        network = ModifiedResNet()
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    assert shapes['layer4.2.conv3.weight'] == (2048, 512, 1, 1)
    assert shapes['attnpool.positional_embedding'] == (50, 2048)
    assert shapes['attnpool.c_proj.weight'] == (1024, 2048)
    assert network.attnpool.num_heads == 32
    convolutions = sum(len(shape) == 4 for shape in shapes.values())
    assert convolutions == 3 + 3 * (3 + 4 + 6 + 3) + 4


def test_weights_are_loaded_all_or_none(tmp_path):
    trained, path = build(), tmp_path / 'regionclip.safetensors'
    save_safetensors(trained.state_dict(), path)
    init_cfg = dict(type='Pretrained', checkpoint=str(path))
    loaded = RegionCLIPNeck(backbone=dict(config=TINY), init_cfg=init_cfg)
    loaded.init_weights()
    images = torch.randn(1, 3, 96, 96)
    torch.testing.assert_close(loaded(images).patches, trained(images).patches)
    with pytest.raises(CheckpointError, match=r'shape of backbone\.attnpool'):
        RegionCLIPNeck(
            backbone=dict(config={**TINY, 'side': 4}), init_cfg=init_cfg
        ).init_weights()  # fmt: skip


def test_options_and_inputs_are_checked():
    with pytest.raises(ValueError, match=r'neck\.compat'):
        build(compat='released')
    with pytest.raises(ValueError, match=r'neck\.autocast'):
        build(autocast='int8')
    with pytest.raises(ValueError, match=r'neck\.backbone: expected'):
        build(backbone=dict(pretrained='rn50'))
    with pytest.raises(ValueError, match='multiples of the patch size 32'):
        build()(torch.zeros(1, 3, 70, 64))
