"""CLIP weights in OpenAI's naming, as the authors of PAC-S publish theirs, in that of transformers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

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
