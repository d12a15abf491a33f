"""Our GPT-2 against that of transformers, and the cache against none."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel

from mmpatchioner.models.decoders import Transformer


def reference(seed: int = 0) -> GPT2LMHeadModel:
    torch.manual_seed(seed)
    config = GPT2Config(vocab_size=60, n_positions=40, n_embd=32, n_layer=2, n_head=4)
    model = GPT2LMHeadModel(config).eval()
    for parameter in model.parameters():  # as far from its initial values as trained ones are
        parameter.data += 0.1 * torch.randn_like(parameter)
    return model


def copy_of(model: GPT2LMHeadModel) -> Transformer:
    """The same weights in our names; GPT-2 stores matrices transposed."""
    ours = Transformer(60, 32, num_layers=2, num_heads=4, max_positions=40).eval()
    names = {
        'ln_1': 'norm1',
        'attn.c_attn': 'attention.qkv',
        'attn.c_proj': 'attention.proj',
        'ln_2': 'norm2',
        'mlp.c_fc': 'fc1',
        'mlp.c_proj': 'fc2',
    }
    state = {
        'token_embedding.weight': model.transformer.wte.weight,
        'position_embedding.weight': model.transformer.wpe.weight,
        'norm.weight': model.transformer.ln_f.weight,
        'norm.bias': model.transformer.ln_f.bias,
    }
    for index, block in enumerate(model.transformer.h):
        for theirs, our in names.items():
            module = block.get_submodule(theirs)
            matrix = module.weight if 'ln' in theirs else module.weight.T
            state[f'blocks.{index}.{our}.weight'] = matrix
            state[f'blocks.{index}.{our}.bias'] = module.bias
    ours.load_state_dict(state)
    return ours


@pytest.fixture
def inputs() -> Tensor:
    return torch.randn(3, 9, 32, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_logits_are_those_of_transformers(inputs):
    model = reference()
    ours = copy_of(model)
    expected = model(inputs_embeds=inputs).logits
    torch.testing.assert_close(ours.logits(ours(inputs)), expected, atol=1e-5, rtol=1e-5)
    sliced = ours.logits(ours(inputs), vocab_size=17)
    torch.testing.assert_close(sliced, expected[..., :17], atol=1e-5, rtol=1e-5)


def test_gradients_are_those_of_transformers(inputs):
    model = reference()
    ours = copy_of(model)
    model(inputs_embeds=inputs).logits.square().mean().backward()
    ours.logits(ours(inputs)).square().mean().backward()
    torch.testing.assert_close(
        ours.blocks[0].attention.qkv.weight.grad,
        model.transformer.h[0].attn.c_attn.weight.grad.T,
        atol=1e-5,
        rtol=1e-4,
    )
    torch.testing.assert_close(
        ours.token_embedding.weight.grad, model.transformer.wte.weight.grad, atol=1e-5, rtol=1e-4
    )


@torch.no_grad()
@pytest.mark.parametrize('pieces', [[9], [1] * 9, [4, 1, 3, 1], [2, 7]])
def test_the_cache_changes_nothing(inputs, pieces):
    ours = copy_of(reference())
    cache = ours.new_cache(rows=3, capacity=9)
    outputs = [ours(piece, cache) for piece in inputs.split(pieces, dim=1)]
    torch.testing.assert_close(torch.cat(outputs, dim=1), ours(inputs), atol=1e-5, rtol=1e-5)
    assert cache.length == 9


@torch.no_grad()
def test_rows_of_the_cache_can_leave_repeat_and_swap(inputs):
    ours = copy_of(reference())
    cache = ours.new_cache(rows=3, capacity=9)
    ours(inputs[:, :5], cache)
    rows = torch.tensor([2, 0, 2, 2])
    cache.select(rows)
    continued = ours(inputs[rows, 5:], cache)
    torch.testing.assert_close(continued, ours(inputs)[rows, 5:], atol=1e-5, rtol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize('pieces', [[9], [6, 1, 1, 1]])
def test_sequences_that_start_later_are_as_they_are_alone(inputs, pieces):
    ours = copy_of(reference())
    starts = torch.tensor([0, 2, 5])
    cache = ours.new_cache(rows=3, capacity=9, starts=starts)
    together = torch.cat([ours(piece, cache) for piece in inputs.split(pieces, dim=1)], dim=1)
    assert together.isfinite().all()
    for row, start in enumerate(starts.tolist()):
        alone = ours(inputs[row, None, start:])
        torch.testing.assert_close(together[row, None, start:], alone, atol=1e-5, rtol=1e-5)
    cache.select(torch.tensor([2, 0]))
    assert cache.starts.tolist() == [5, 0]


def test_weights_start_as_gpt2s_do():
    ours = Transformer(500, 64, num_layers=8, num_heads=4, max_positions=100)
    assert ours.blocks[0].attention.qkv.weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert ours.blocks[0].fc2.weight.std().item() == pytest.approx(0.02 / 4, rel=0.1)
    assert ours.blocks[0].norm1.weight.unique().item() == 1.0
    assert not ours.blocks[0].fc1.bias.any()


def test_the_published_size_has_the_published_number_of_weights():
    with torch.device('meta'):
        ours = Transformer(50257, 768, num_layers=4, num_heads=4, max_positions=1024)
    assert sum(parameter.numel() for parameter in ours.parameters()) == 67_736_832


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match='expected a divisor of hidden_dims 32, got 5'):
        Transformer(60, 32, num_layers=1, num_heads=5, max_positions=40)
