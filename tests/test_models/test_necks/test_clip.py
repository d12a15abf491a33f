import pytest
import torch
from torch.nn import functional as F
from transformers import CLIPConfig, CLIPModel

from mmpatchioner.checkpoints import CheckpointError
from mmpatchioner.models.necks import CLIPNeck
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


def build(**kwargs) -> CLIPNeck:
    torch.manual_seed(0)
    neck = MODELS.build(dict(type='mmpatchioner.CLIPNeck', backbone=dict(config=TINY), **kwargs))
    for parameter in neck.parameters():  # transformers draws weights so small that tokens are equal
        if parameter.ndim > 1:
            parameter.data.normal_(std=0.2)
    return neck


@torch.no_grad()
def test_every_token_is_normalised_and_projected_into_the_text_space():
    neck, images = build(), torch.randn(2, 3, 32, 32)
    feats = neck(images)
    outputs = neck.backbone(images)
    tower, projection = neck.backbone.vision_model, neck.backbone.visual_projection
    assert feats.grid == (4, 4) and feats.registers is None
    assert feats.patches.shape == (2, 16, 16) and neck.embed_dims == 16
    torch.testing.assert_close(feats.cls, outputs.image_embeds)
    expected = projection(tower.post_layernorm(outputs.last_hidden_state[:, 1:]))
    torch.testing.assert_close(feats.patches, expected)


@torch.no_grad()
@pytest.mark.parametrize('size', [(64, 64), (16, 40), (32, 64)])
def test_positions_are_resampled_for_inputs_of_other_sizes(size):
    neck, images = build(), torch.randn(1, 3, *size)
    feats = neck(images)
    rows, cols = size[0] // 8, size[1] // 8
    assert feats.grid == (rows, cols) and feats.patches.shape == (1, rows * cols, 16)
    # A model of that size with the resampled table gives the same.
    tower = neck.backbone.vision_model
    table = tower.embeddings.position_embedding.weight
    square = table[1:].T.reshape(1, 32, 4, 4)
    resampled = F.interpolate(square, (rows, cols), mode='bicubic', antialias=True)
    positions = torch.cat([table[:1], resampled.reshape(32, -1).T])
    patches = tower.embeddings.patch_embedding(images).flatten(2).transpose(1, 2)
    tokens = torch.cat([tower.embeddings.class_embedding.expand(1, 1, -1), patches], dim=1)
    hidden = tower.encoder(inputs_embeds=tower.pre_layrnorm(tokens + positions)).last_hidden_state
    expected = neck.backbone.visual_projection(tower.post_layernorm(hidden))
    torch.testing.assert_close(feats.patches, expected[:, 1:])


def test_results_do_not_depend_on_the_batch():
    neck, images = build(), torch.randn(3, 3, 32, 32)
    together = neck(images).patches
    for index in range(3):
        alone = neck(images[index : index + 1]).patches[0]
        torch.testing.assert_close(together[index], alone, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_attention_is_that_of_the_last_block():
    neck, images = build(), torch.randn(2, 3, 32, 32)
    neck.backbone.set_attn_implementation('eager')
    # Probabilities over the patches alone are those over all tokens, renormalised.
    attentions = neck.backbone(images, output_attentions=True).attentions[-1][:, :, 0, 1:]
    expected = attentions / attentions.sum(dim=-1, keepdim=True)
    torch.testing.assert_close(neck(images).head_attention(), expected, atol=1e-6, rtol=1e-4)


def test_the_neck_leaves_no_hook_behind():
    neck = build()
    for _ in range(2):
        neck(torch.randn(1, 3, 32, 32)).attention()
    for module in neck.modules():
        assert not module._forward_pre_hooks and not module._forward_hooks


def test_weights_load_from_the_folder_of_a_whole_clip_and_survive_init_weights(tmp_path):
    torch.manual_seed(0)
    text = dict(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        vocab_size=50,
    )
    model = CLIPModel(CLIPConfig(text_config=text, vision_config=TINY, projection_dim=16)).eval()
    model.save_pretrained(tmp_path)
    neck = MODELS.build(dict(type='mmpatchioner.CLIPNeck', backbone=dict(pretrained=str(tmp_path))))
    neck.init_weights()
    images = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        expected = model.visual_projection(model.vision_model(images).pooler_output)
    torch.testing.assert_close(neck(images).cls, expected)


def test_files_in_half_precision_run_in_fp32(tmp_path):
    build().backbone.half().save_pretrained(tmp_path)
    neck = MODELS.build(dict(type='mmpatchioner.CLIPNeck', backbone=dict(pretrained=str(tmp_path))))
    assert neck(torch.randn(1, 3, 32, 32)).patches.dtype == torch.float32


def test_bf16_runs_the_backbone_and_gives_fp32_near_the_full_one():
    images = torch.randn(1, 3, 32, 32)
    full, half = build()(images).patches, build(autocast='bf16')(images).patches
    assert half.dtype == torch.float32
    assert F.cosine_similarity(full, half, dim=-1).min() > 0.99


def test_the_neck_stays_frozen_in_training_mode():
    neck = build().train()
    assert not neck.backbone.training
    assert not any(parameter.requires_grad for parameter in neck.parameters())


@pytest.mark.parametrize(
    ('backbone', 'error', 'message'),
    [
        (dict(name='b32'), ValueError, r'neck\.backbone: expected'),
        (dict(pretrained='no/such-clip'), CheckpointError, r'neck\.backbone\.pretrained'),
    ],
)
def test_unknown_backbones_are_refused(backbone, error, message):
    with pytest.raises(error, match=message):
        MODELS.build(dict(type='mmpatchioner.CLIPNeck', backbone=backbone))


def test_options_and_inputs_are_checked():
    with pytest.raises(ValueError, match=r'neck\.autocast'):
        build(autocast='int8')
    with pytest.raises(ValueError, match='multiples of the patch size 8'):
        build()(torch.zeros(1, 3, 30, 32))
