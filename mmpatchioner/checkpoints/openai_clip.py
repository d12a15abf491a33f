"""CLIP weights in OpenAI's naming, as the authors of PAC-S publish theirs, in that of transformers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from torch import Tensor

from mmpatchioner.checkpoints.errors import CheckpointError

_BLOCK = re.compile(r'(?P<visual>visual\.)?transformer\.resblocks\.(?P<index>\d+)\.(?P<part>.+)')
_IN_BLOCK = {
    'ln_1': 'layer_norm1',
    'ln_2': 'layer_norm2',
    'attn.out_proj': 'self_attn.out_proj',
    'mlp.c_fc': 'mlp.fc1',
    'mlp.c_proj': 'mlp.fc2',
}
_OUTSIDE = {
    'logit_scale': 'logit_scale',
    'token_embedding.weight': 'text_model.embeddings.token_embedding.weight',
    'positional_embedding': 'text_model.embeddings.position_embedding.weight',
    'ln_final.weight': 'text_model.final_layer_norm.weight',
    'ln_final.bias': 'text_model.final_layer_norm.bias',
    'visual.class_embedding': 'vision_model.embeddings.class_embedding',
    'visual.conv1.weight': 'vision_model.embeddings.patch_embedding.weight',
    'visual.positional_embedding': 'vision_model.embeddings.position_embedding.weight',
    'visual.ln_pre.weight': 'vision_model.pre_layrnorm.weight',
    'visual.ln_pre.bias': 'vision_model.pre_layrnorm.bias',
    'visual.ln_post.weight': 'vision_model.post_layernorm.weight',
    'visual.ln_post.bias': 'vision_model.post_layernorm.bias',
}
_TRANSPOSED = {
    'text_projection': 'text_projection.weight',
    'visual.proj': 'visual_projection.weight',
}
_SIZES = {'input_resolution', 'context_length', 'vocab_size'}  # of exported models; no weights


def convert_openai_clip(state: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
    """Rename the weights of a CLIP ViT.

    Args:
        state: Tensors in OpenAI's naming.
        source: Where they come from, for messages.

    Returns:
        fp32 tensors named as in ``transformers.CLIPModel``.

    Raises:
        CheckpointError: if a name is none of a CLIP ViT.
    """
    converted: dict[str, Tensor] = {}
    unknown = []
    for name, tensor in state.items():
        if name in _SIZES:
            continue
        moved = dict(_renamed(name, tensor))
        if not moved:
            unknown.append(name)
        converted.update(moved)
    if unknown:
        raise CheckpointError(
            f"{source}: expected the weights of a CLIP ViT in OpenAI's naming, got {sorted(unknown)[:5]} among "
            f'{len(state)} tensors.'
        )
    return {name: tensor.float().contiguous() for name, tensor in converted.items()}


def convert_tensor(name: str, tensor: Tensor, source: str) -> tuple[dict[str, Tensor], str]:
    """One tensor of :func:`convert_openai_clip`, and what was done to it in a word or two, for reports."""
    renamed = convert_openai_clip({name: tensor}, source)
    if len(renamed) > 1:
        return renamed, 'a third of it'
    return renamed, 'transposed' if name in _TRANSPOSED else ''


def image_tower_shapes(
    state: Mapping[str, Tensor], dims: int, patch_size: int
) -> dict[str, tuple[int, ...]]:
    """Every tensor that makes an image tower, by its name without ``visual.``, with its shape.

    Args:
        state: The tensors; how many blocks, positions and output dimensions there are is read off them.
        dims: Width.
        patch_size: Side of a patch in pixels.
    """
    return {
        'class_embedding': (dims,),
        'conv1.weight': (dims, 3, patch_size, patch_size),
        'positional_embedding': (len(state.get('positional_embedding', ())), dims),
        'proj': (dims, _columns(state, 'proj')),
        **_norm_shapes('ln_pre', dims),
        **_norm_shapes('ln_post', dims),
        **_block_shapes(state, dims),
    }


def text_tower_shapes(
    state: Mapping[str, Tensor], num_tokens: int, dims: int
) -> dict[str, tuple[int, ...]]:
    """Every tensor that makes a text tower, by its name, with its shape.

    Args:
        state: The tensors; how many blocks, positions and output dimensions there are is read off them.
        num_tokens: Size of the vocabulary.
        dims: Width.
    """
    return {
        'token_embedding.weight': (num_tokens, dims),
        'positional_embedding': (len(state.get('positional_embedding', ())), dims),
        'text_projection': (dims, _columns(state, 'text_projection')),
        **_norm_shapes('ln_final', dims),
        **_block_shapes(state, dims),
    }


def num_blocks(state: Iterable[str]) -> int:
    """How many transformer blocks the tensors of one tower, by these names, belong to."""
    return len({match['index'] for name in state if (match := _BLOCK.fullmatch(name))})


def _columns(state: Mapping[str, Tensor], name: str) -> int:
    return state[name].shape[-1] if name in state else 0


def _block_shapes(state: Iterable[str], dims: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for index in range(num_blocks(state)):
        block = f'transformer.resblocks.{index}'
        for name, rows, columns in [
            ('attn.in_proj_', 3 * dims, dims),
            ('attn.out_proj.', dims, dims),
            ('mlp.c_fc.', 4 * dims, dims),
            ('mlp.c_proj.', dims, 4 * dims),
        ]:
            shapes[f'{block}.{name}weight'] = (rows, columns)
            shapes[f'{block}.{name}bias'] = (rows,)
        shapes |= _norm_shapes(f'{block}.ln_1', dims) | _norm_shapes(f'{block}.ln_2', dims)
    return shapes


def _norm_shapes(name: str, dims: int) -> dict[str, tuple[int, ...]]:
    return {f'{name}.weight': (dims,), f'{name}.bias': (dims,)}


def _renamed(name: str, tensor: Tensor) -> Iterator[tuple[str, Tensor]]:
    """What a tensor becomes: one or three of them, or none if its name is unknown."""
    if name in _OUTSIDE:
        yield _OUTSIDE[name], tensor
    elif name in _TRANSPOSED:
        yield _TRANSPOSED[name], tensor.T
    elif match := _BLOCK.fullmatch(name):
        tower = 'vision_model' if match['visual'] else 'text_model'
        block = f'{tower}.encoder.layers.{match["index"]}'
        module, _, kind = match['part'].rpartition('.')
        if match['part'] in ('attn.in_proj_weight', 'attn.in_proj_bias'):
            kind = match['part'].rpartition('_')[2]
            for letter, part in zip('qkv', tensor.chunk(3), strict=True):
                yield f'{block}.self_attn.{letter}_proj.{kind}', part
        elif module in _IN_BLOCK:
            yield f'{block}.{_IN_BLOCK[module]}.{kind}', tensor
