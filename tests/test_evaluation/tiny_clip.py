"""A random CLIP in a folder, and its weights in OpenAI's naming."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer


def save_tiny_clip(folder: Path, seed: int = 0, projection_dim: int = 16) -> CLIPModel:
    """Save a CLIP of two layers that reads single letters."""
    letters = [chr(code) for code in range(ord('a'), ord('z') + 1)]
    tokens = [*letters, *(f'{x}</w>' for x in letters), '<|startoftext|>', '<|endoftext|>']
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'vocab.json').write_text(json.dumps({token: i for i, token in enumerate(tokens)}))
    (folder / 'merges.txt').write_text('#version: 0.2\n')
    CLIPTokenizer(str(folder / 'vocab.json'), str(folder / 'merges.txt')).save_pretrained(folder)
    sizes = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2)
    sizes['projection_dim'] = projection_dim
    text = dict(
        vocab_size=len(tokens),
        max_position_embeddings=40,
        bos_token_id=len(tokens) - 2,
        eos_token_id=len(tokens) - 1,
        **sizes,
    )
    vision = dict(image_size=32, patch_size=8, **sizes)
    torch.manual_seed(seed)
    config = CLIPConfig(text_config=text, vision_config=vision, projection_dim=projection_dim)
    model = CLIPModel(config).eval()
    for parameter in model.parameters():  # small random weights make all features alike
        if parameter.ndim > 1:
            parameter.data.normal_(std=0.3)
    model.save_pretrained(folder)
    return model


def openai_names(model: CLIPModel) -> dict[str, torch.Tensor]:
    """The weights as OpenAI's own code would save them: written from its module tree."""
    ours = model.state_dict()
    theirs = {
        'logit_scale': ours['logit_scale'],
        'text_projection': ours['text_projection.weight'].T,
        'visual.proj': ours['visual_projection.weight'].T,
        'token_embedding.weight': ours['text_model.embeddings.token_embedding.weight'],
        'positional_embedding': ours['text_model.embeddings.position_embedding.weight'],
        'visual.class_embedding': ours['vision_model.embeddings.class_embedding'],
        'visual.conv1.weight': ours['vision_model.embeddings.patch_embedding.weight'],
        'visual.positional_embedding': ours['vision_model.embeddings.position_embedding.weight'],
    }
    for kind in ('weight', 'bias'):
        theirs[f'ln_final.{kind}'] = ours[f'text_model.final_layer_norm.{kind}']
        theirs[f'visual.ln_pre.{kind}'] = ours[f'vision_model.pre_layrnorm.{kind}']
        theirs[f'visual.ln_post.{kind}'] = ours[f'vision_model.post_layernorm.{kind}']
        for prefix, tower in (('', 'text_model'), ('visual.', 'vision_model')):
            for layer in range(2):
                block = f'{prefix}transformer.resblocks.{layer}'
                source = f'{tower}.encoder.layers.{layer}'
                theirs[f'{block}.attn.in_proj_{kind}'] = torch.cat(
                    [ours[f'{source}.self_attn.{part}_proj.{kind}'] for part in 'qkv']
                )
                theirs[f'{block}.attn.out_proj.{kind}'] = ours[
                    f'{source}.self_attn.out_proj.{kind}'
                ]
                theirs[f'{block}.ln_1.{kind}'] = ours[f'{source}.layer_norm1.{kind}']
                theirs[f'{block}.ln_2.{kind}'] = ours[f'{source}.layer_norm2.{kind}']
                theirs[f'{block}.mlp.c_fc.{kind}'] = ours[f'{source}.mlp.fc1.{kind}']
                theirs[f'{block}.mlp.c_proj.{kind}'] = ours[f'{source}.mlp.fc2.{kind}']
    return {name: tensor.clone() for name, tensor in theirs.items()}
