import pytest
import torch
from torch.nn import functional as F

from mmpatchioner.checkpoints import CheckpointError, save_safetensors
from mmpatchioner.checkpoints.dinotxt import vision_head_names
from mmpatchioner.models.necks import DINOTxtNeck, DINOTxtVisionHead
from mmpatchioner.models.necks.dinotxt_head import swiglu_dims
from mmpatchioner.registry import MODELS

TINY = {
    'hidden_size': 32,
    'num_hidden_layers': 2,
    'num_attention_heads': 4,
    'image_size': 56,
    'patch_size': 14,
}


def build(**kwargs) -> DINOTxtNeck:
    torch.manual_seed(0)
    backbone = dict(config=TINY, registers=4)
    neck = MODELS.build(dict(type='mmpatchioner.DINOTxtNeck', backbone=backbone, **kwargs))
    for parameter in neck.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return neck


def published_head(state: dict, tokens: torch.Tensor, heads: int) -> torch.Tensor:
    """The head as DINO.txt defines it, over its published names."""
    dims = tokens.shape[-1]
    for i in range(2):
        part = {
            name.removeprefix(f'block_list.{i}.'): value
            for name, value in state.items()
            if name.startswith(f'block_list.{i}.')
        }
        normed = F.layer_norm(tokens, (dims,), part['norm1.weight'], part['norm1.bias'])
        q, k, v = (normed @ part['attn.qkv.weight'].T).chunk(3, dim=-1)
        outputs = []
        for head in range(heads):
            columns = slice(head * dims // heads, (head + 1) * dims // heads)
            logits = q[..., columns] @ k[..., columns].transpose(1, 2) / (dims // heads) ** 0.5
            outputs.append(logits.softmax(dim=-1) @ v[..., columns])
        attended = torch.cat(outputs, dim=-1) @ part['attn.proj.weight'].T + part['attn.proj.bias']
        tokens = tokens + part['ls1.gamma'] * attended
        normed = F.layer_norm(tokens, (dims,), part['norm2.weight'], part['norm2.bias'])
        gate = F.silu(normed @ part['mlp.w1.weight'].T + part['mlp.w1.bias'])
        hidden = gate * (normed @ part['mlp.w2.weight'].T + part['mlp.w2.bias'])
        tokens = tokens + part['ls2.gamma'] * (
            hidden @ part['mlp.w3.weight'].T + part['mlp.w3.bias']
        )
    return F.layer_norm(tokens, (dims,), state['ln_final.weight'], state['ln_final.bias'])


@torch.no_grad()
def test_patches_are_those_after_the_head_over_all_tokens():
    neck, images = build(), torch.randn(2, 3, 56, 84)
    feats = neck(images)
    own = neck.transform.state_dict()
    state = {theirs: own[ours] for theirs, ours in vision_head_names(num_blocks=2).items()}
    expected = published_head(state, neck.backbone(images).last_hidden_state, heads=4)
    assert feats.grid == (4, 6) and neck.embed_dims == 32
    torch.testing.assert_close(feats.cls, expected[:, 0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(feats.registers, expected[:, 1:5], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(feats.patches, expected[:, 5:], atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_the_released_code_stops_before_the_head():
    neck, images = build(), torch.randn(1, 3, 56, 56)
    official = build(compat='official')
    official.backbone.load_state_dict(neck.backbone.state_dict())
    before = neck.backbone(images).last_hidden_state[:, 5:]
    torch.testing.assert_close(official(images).patches, before)
    assert F.cosine_similarity(neck(images).patches, before, dim=-1).mean() < 0.99
    # Neither the head nor its weights are needed.
    assert official.transform is None


def test_results_do_not_depend_on_the_batch():
    neck, images = build(), torch.randn(3, 3, 56, 56)
    together = neck(images).patches
    for index in range(3):
        alone = neck(images[index : index + 1]).patches[0]
        torch.testing.assert_close(together[index], alone, atol=1e-5, rtol=1e-5)


def test_the_attention_is_the_backbones_with_its_own_number_of_heads():
    neck = build()
    assert neck(torch.randn(1, 3, 56, 56)).head_attention().shape == (1, 4, 16)
    assert [block.attention.num_heads for block in neck.transform.blocks] == [4, 4]


def test_weights_of_the_head_are_loaded_all_or_none(tmp_path):
    torch.manual_seed(1)
    trained = DINOTxtVisionHead(32, num_heads=4)
    path = tmp_path / 'head.safetensors'
    save_safetensors(trained.state_dict(), path)
    init_cfg = dict(type='Pretrained', checkpoint=str(path))
    neck = build(head=dict(init_cfg=init_cfg))
    neck.init_weights()
    for name, tensor in trained.state_dict().items():
        assert torch.equal(neck.transform.state_dict()[name], tensor)
    with pytest.raises(CheckpointError, match=r'missing: blocks\.2\.scale1'):
        build(head=dict(init_cfg=init_cfg, num_blocks=3)).init_weights()


def test_the_published_head_has_its_published_width():
    assert swiglu_dims(1024) == 2752
    with torch.device('meta'):
        head = DINOTxtVisionHead(1024, num_heads=16)
    assert head.blocks[1].down.weight.shape == (1024, 2752)
    assert not build().train().training
    assert not any(parameter.requires_grad for parameter in build().parameters())


def test_options_are_checked():
    with pytest.raises(ValueError, match=r'neck\.compat'):
        build(compat='released')
    with pytest.raises(ValueError, match='num_heads: expected a divisor of the width 32'):
        build(head=dict(num_heads=5))
