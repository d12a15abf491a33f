"""Drawing of regions with captions."""

from mmpatchioner.visualization.captions import draw_captions
from mmpatchioner.visualization.entries import region_entries
from mmpatchioner.visualization.shapes import RegionShape
from mmpatchioner.visualization.visualizer import RegionCaptionVisualizer

__all__ = ['RegionCaptionVisualizer', 'RegionShape', 'draw_captions', 'region_entries']
