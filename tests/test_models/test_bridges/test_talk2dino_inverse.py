import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mmpatchioner.checkpoints import CheckpointError, save_memory, save_safetensors
from mmpatchioner.models.bridges import Talk2DINOInverseBridge
from mmpatchioner.models.spaces import check_spaces
from mmpatchioner.models.text_encoders import TextProjection
from mmpatchioner.registry import MODELS


@pytest.fixture
def projection() -> TextProjection:
    torch.manual_seed(0)
    return TextProjection(in_dims=8, out_dims=12)


@pytest.fixture
def file(projection, tmp_path):
    path = tmp_path / 'linear.safetensors'
    save_safetensors(projection.state_dict(), path, {'space': 'dino'})
    return path


@torch.no_grad()
def test_projected_texts_come_back(projection, file):
    texts = 9 * torch.randn(5, 8)
    cfg = dict(type='mmpatchioner.Talk2DINOInverseBridge', projection=str(file))
    bridge = MODELS.build({**cfg, 'normalize': False})
    torch.testing.assert_close(bridge(projection(texts)), texts, atol=1e-4, rtol=1e-4)
    unit = MODELS.build(cfg)(projection(texts))
    torch.testing.assert_close(unit, F.normalize(texts, dim=1), atol=1e-5, rtol=1e-4)
    assert (bridge.embed_dims, bridge.out_dims, bridge.space) == (12, 8, 'dino')
    # A vector that is no projected text goes to the text that is projected nearest to it.
    z = torch.randn(3, 12)
    nearest = torch.linalg.lstsq(
        projection.linear_layer.weight, (z - projection.linear_layer.bias).T
    ).solution
    torch.testing.assert_close(bridge(z), nearest.T, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_scaled_and_rank_deficient_projections(tmp_path):
    scaled = TextProjection(in_dims=8, out_dims=12, scale=4.0)
    torch.save(scaled.state_dict(), tmp_path / 'scaled.pth')
    texts = torch.randn(5, 8)
    bridge = Talk2DINOInverseBridge(tmp_path / 'scaled.pth', scale=4.0, normalize=False)
    torch.testing.assert_close(bridge(scaled(texts)), texts, atol=1e-4, rtol=1e-4)
    scaled.linear_layer.weight[:, 3] = 0  # what this direction was is lost, and comes back as none
    torch.save(scaled.state_dict(), tmp_path / 'deficient.pth')
    bridge = Talk2DINOInverseBridge(tmp_path / 'deficient.pth', scale=4.0, normalize=False)
    back = bridge(scaled(texts))
    texts[:, 3] = 0
    torch.testing.assert_close(back, texts, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_it_follows_a_memory(projection, file, tmp_path):
    texts = torch.randn(4, 8)
    memory = tmp_path / 'memory.safetensors'
    save_memory(memory, projection(texts), metadata={'space': 'dino'})
    inner = dict(type='mmpatchioner.MemoryBridge', memory=str(memory), normalize=False)
    bridge = Talk2DINOInverseBridge(file, bridge={**inner, 'temperature': 1e-4}, normalize=False)
    torch.testing.assert_close(bridge(projection(texts)), texts, atol=1e-3, rtol=1e-3)


def test_files_of_other_spaces_and_widths_are_refused(projection, file, tmp_path):
    memory = tmp_path / 'memory.safetensors'
    inner = dict(type='mmpatchioner.MemoryBridge', memory=str(memory))
    save_memory(memory, torch.randn(4, 12), metadata={'space': 'other'})
    with pytest.raises(CheckpointError, match="'other'.*'dino'"):
        Talk2DINOInverseBridge(file, bridge=inner)
    save_memory(memory, torch.randn(4, 10))
    with pytest.raises(ValueError, match='expected vectors of width 12'):
        Talk2DINOInverseBridge(file, bridge=inner)
    with pytest.raises(ValueError, match=r'bridge\.scale'):
        Talk2DINOInverseBridge(file, scale=0.0)


def test_only_a_linear_projection_has_an_inverse(tmp_path):
    deep = TextProjection(in_dims=8, hidden_dims=12, out_dims=12)
    torch.save(deep.state_dict(), tmp_path / 'deep.pth')
    with pytest.raises(CheckpointError, match='linear Talk2DINO projection.*hidden_layers'):
        Talk2DINOInverseBridge(tmp_path / 'deep.pth')


class Part(nn.Module):
    def __init__(self, **attributes) -> None:
        super().__init__()
        for name, value in attributes.items():
            setattr(self, name, value)


@pytest.mark.parametrize(
    ('neck', 'decoder', 'message'),
    [
        (dict(embed_dims=12), dict(prefix_dims=8, space='clip-vit-base-patch16'), None),
        (dict(embed_dims=12), dict(prefix_dims=12), 'output.* width 8 and caption_head.decoder of 12'),
        (dict(embed_dims=8), dict(prefix_dims=8), 'neck has vectors of width 8'),
        (dict(embed_dims=12), dict(prefix_dims=8, space='dino'), "'clip-vit-base-patch16'"),
    ],
)  # fmt: skip
def test_the_decoder_belongs_to_the_space_it_leads_to(file, neck, decoder, message):
    head = Part(bridge=Talk2DINOInverseBridge(file), decoder=Part(**decoder))
    captioner = Part(patch_neck=Part(**neck), caption_head=head)
    if message is None:
        check_spaces(captioner)
        return
    with pytest.raises(CheckpointError, match=message):
        check_spaces(captioner)
