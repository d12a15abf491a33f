"""Bridges over the gap between patches and text."""

from mmpatchioner.models.bridges.coverage import medoids
from mmpatchioner.models.bridges.gap_statistics import GapStatistics, load_gap_statistics
from mmpatchioner.models.bridges.identity import IdentityBridge
from mmpatchioner.models.bridges.memory import MemoryBridge
from mmpatchioner.models.bridges.noise import GapNoise, GaussianNoise, UniformBallNoise
from mmpatchioner.models.bridges.talk2dino_inverse import Talk2DINOInverseBridge

__all__ = [
    'GapNoise',
    'GapStatistics',
    'GaussianNoise',
    'IdentityBridge',
    'MemoryBridge',
    'Talk2DINOInverseBridge',
    'UniformBallNoise',
    'load_gap_statistics',
    'medoids',
]
