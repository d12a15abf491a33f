"""Published decoders that are a GPT-2 behind a network that makes its prompt: ClipCap, CapDec, ViECap, MeaCap."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from mmpatchioner.checkpoints.conversion import (
    Converted,
    Move,
    check_names,
    check_shapes,
    provenance,
    size_of,
)
from mmpatchioner.checkpoints.errors import CheckpointError
from mmpatchioner.checkpoints.gpt2 import convert_gpt2, gpt2_names, head_name, without_masks
from mmpatchioner.checkpoints.loading import load_state_dict

_MODEL = 'gpt.'
Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class PromptNetwork(ABC):
    """A network in a published file.

    Attributes:
        published: What stands before the names of its tensors there.
        target: What stands before them here.
    """

    published: str
    target: str

    @property
    @abstractmethod
    def first(self) -> str:
        """Published name of the matrix that reads the vectors."""

    @abstractmethod
    def names(self) -> list[str]:
        """Published names of all tensors."""

    @abstractmethod
    def expected(self, state: Mapping[str, Tensor], dims: int, source: str) -> Shapes:
        """Published names and shapes that fit the sizes of a file with a GPT-2 of width ``dims``."""


@dataclass(frozen=True)
class TwoLayers(PromptNetwork):
    """Two linear layers (ClipCap)."""

    def __str__(self) -> str:
        return f'a network of two layers under `{self.published}`'

    @property
    def first(self) -> str:
        """As :attr:`PromptNetwork.first`."""
        return f'{self.published}0.weight'

    def names(self) -> list[str]:
        """As :meth:`PromptNetwork.names`."""
        return list(self.shapes(1, 1, 1))

    def expected(self, state: Mapping[str, Tensor], dims: int, source: str) -> Shapes:
        """As :meth:`PromptNetwork.expected`."""
        prefix_dims = size_of(state, self.first, 1, source)
        outputs = size_of(state, f'{self.published}2.weight', 0, source) // dims
        return self.shapes(prefix_dims, dims, outputs)

    def shapes(self, prefix_dims: int, dims: int, num_outputs: int) -> Shapes:
        """Published names and shapes.

        Example:
            >>> TwoLayers('clip_project.model.', 'prefix.').shapes(768, 768, 10)['clip_project.model.2.weight']
            (7680, 3840)
        """
        width = num_outputs * dims
        return {
            f'{self.published}0.weight': (width // 2, prefix_dims),
            f'{self.published}0.bias': (width // 2,),
            f'{self.published}2.weight': (width, width // 2),
            f'{self.published}2.bias': (width,),
        }


@dataclass(frozen=True)
class MappingTransformer(PromptNetwork):
    """A linear layer and a transformer (ClipCap, CapDec, ViECap).

    Attributes:
        num_layers: Its blocks.
    """

    num_layers: int = 8

    def __str__(self) -> str:
        return f'a mapping network with {self.num_layers} blocks under `{self.published}`'

    @property
    def first(self) -> str:
        """As :attr:`PromptNetwork.first`."""
        return f'{self.published}linear.weight'

    def names(self) -> list[str]:
        """As :meth:`PromptNetwork.names`."""
        return list(self.shapes(1, 1, 1, 1))

    def expected(self, state: Mapping[str, Tensor], dims: int, source: str) -> Shapes:
        """As :meth:`PromptNetwork.expected`."""
        prefix_dims = size_of(state, self.first, 1, source)
        inputs = size_of(state, self.first, 0, source) // dims
        outputs = size_of(state, f'{self.published}prefix_const', 0, source)
        return self.shapes(prefix_dims, dims, inputs, outputs)

    def shapes(self, prefix_dims: int, dims: int, num_inputs: int, num_outputs: int) -> Shapes:
        """Published names and shapes.

        Example:
            >>> shapes = MappingTransformer('mapping_network.', 'soft_prompt.').shapes(768, 768, 10, 10)
            >>> len(shapes), shapes['mapping_network.transformer.layers.7.attn.to_keys_values.weight']
            (99, (1536, 768))
        """
        shapes: Shapes = {
            'prefix_const': (num_outputs, dims),
            'linear.weight': (num_inputs * dims, prefix_dims),
            'linear.bias': (num_inputs * dims,),
        }
        layer = {
            'norm1.weight': (dims,),
            'norm1.bias': (dims,),
            'attn.to_queries.weight': (dims, dims),
            'attn.to_keys_values.weight': (2 * dims, dims),
            'attn.project.weight': (dims, dims),
            'attn.project.bias': (dims,),
            'norm2.weight': (dims,),
            'norm2.bias': (dims,),
            'mlp.fc1.weight': (2 * dims, dims),
            'mlp.fc1.bias': (2 * dims,),
            'mlp.fc2.weight': (dims, 2 * dims),
            'mlp.fc2.bias': (dims,),
        }
        for index in range(self.num_layers):
            shapes |= {f'transformer.layers.{index}.{name}': shape for name, shape in layer.items()}
        return {f'{self.published}{name}': shape for name, shape in shapes.items()}


def convert_prompted(
    path: str | os.PathLike[str],
    networks: Sequence[PromptNetwork],
    num_layers: int = 12,
    prefix_dims: int | None = None,
) -> Converted:
    """Convert a published decoder.

    Args:
        path: The ``.pt`` file, read as tensors alone; a ``module.`` before every name is removed.
        networks: Those that it may hold; the one whose name is found is taken.
        num_layers: Blocks of GPT-2.
        prefix_dims: Width of the vectors that it must read; None takes any.

    Returns:
        Weights of a :class:`mmpatchioner.models.decoders.prompted_decoder.PromptedDecoder`.

    Raises:
        CheckpointError: if the file cannot be read safely, a tensor is missing, unknown or of another shape, or the
            prefix is of another width.
    """
    source = str(path)
    state, moves = without_masks(load_state_dict(path, strip_prefix='module.'), _MODEL)
    network = next(
        (one for one in networks if any(name.startswith(one.published) for name in state)),
        networks[0],
    )
    language_model = [*gpt2_names(num_layers, _MODEL), head_name(_MODEL)]
    what = f'GPT-2 with {num_layers} blocks under `{_MODEL}` and {network}'
    check_names(state, [*language_model, *network.names()], source, what)
    tensors, model_moves = convert_gpt2(state, num_layers, _MODEL, 'transformer.', source)
    dims = tensors['transformer.token_embedding.weight'].shape[1]
    shapes = network.expected(state, dims, source)
    check_shapes(state, shapes, source)
    found = shapes[network.first][1]
    if prefix_dims is not None and found != prefix_dims:
        raise CheckpointError(
            f'{source}: the decoder reads vectors of {found} dimensions, {prefix_dims} were expected. '
            'It is of another model.'
        )
    for name, shape in shapes.items():
        target = network.target + name.removeprefix(network.published)
        tensors[target] = state[name].float().contiguous()
        moves.append(Move(name, target, shape))
    metadata = {'format': 'mmpatchioner.decoder', **provenance(path)}
    return Converted(tensors, moves + model_moves, metadata)


def language_model_arguments(tensors: Mapping[str, Tensor]) -> dict[str, object]:
    """Arguments of a decoder that its GPT-2's sizes call for; heads leave no trace in them."""
    vocab_size, dims = tensors['transformer.token_embedding.weight'].shape
    blocks = {
        name.split('.')[2]
        for name in tensors
        if name.startswith('transformer.') and name.endswith('fc1.weight')
    }
    return {
        'hidden_dims': dims,
        'num_layers': len(blocks),
        'vocab_size': vocab_size,
        'max_positions': len(tensors['transformer.position_embedding.weight']),
    }


def mapper_arguments(tensors: Mapping[str, Tensor], target: str) -> dict[str, int]:
    """Arguments of ``SoftPrompt`` that a converted transformer calls for; its name here is ``target``."""
    learned = tensors[f'{target}prefix_const']
    return {
        'num_outputs': len(learned),
        'num_inputs': len(tensors[f'{target}linear.weight']) // learned.shape[1],
        'num_layers': sum(
            name.startswith(target) and name.endswith('to_queries.weight') for name in tensors
        ),
    }
