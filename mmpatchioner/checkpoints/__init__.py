"""Files of weights: safe loading, packaged weights, converters of published ones."""

from mmpatchioner.checkpoints.errors import CheckpointError
from mmpatchioner.checkpoints.hub import from_folder_or_hub
from mmpatchioner.checkpoints.loading import (
    load_metadata,
    load_state_dict,
    load_strict,
    resolve_file,
    save_safetensors,
)
from mmpatchioner.checkpoints.memory_file import Memory, PackedTexts, load_memory, save_memory
from mmpatchioner.checkpoints.pretrained import PretrainedModule, register_checkpoint_schemes

register_checkpoint_schemes()

__all__ = [
    'CheckpointError',
    'Memory',
    'PackedTexts',
    'PretrainedModule',
    'from_folder_or_hub',
    'load_memory',
    'load_metadata',
    'load_state_dict',
    'load_strict',
    'resolve_file',
    'save_memory',
    'save_safetensors',
]
