"""Bridges over the gap between patches and text."""

from mmpatchioner.models.bridges.coverage import medoids
from mmpatchioner.models.bridges.identity import IdentityBridge
from mmpatchioner.models.bridges.memory import MemoryBridge
from mmpatchioner.models.bridges.memory_file import Memory, PackedTexts, load_memory, save_memory
from mmpatchioner.models.bridges.noise import add_noise

__all__ = [
    'IdentityBridge',
    'Memory',
    'MemoryBridge',
    'PackedTexts',
    'add_noise',
    'load_memory',
    'medoids',
    'save_memory',
]
