"""MeaCap: captions prompted with what a memory's captions agree on."""

from mmpatchioner.models.decoders.meacap.prompt import MeaCapPrompt
from mmpatchioner.models.decoders.meacap.retrieval import CaptionRetrieval
from mmpatchioner.models.decoders.meacap.scene_graph import SceneGraph, parse_scene_graph
from mmpatchioner.models.decoders.meacap.scene_graph_parser import SceneGraphParser

__all__ = [
    'CaptionRetrieval',
    'MeaCapPrompt',
    'SceneGraph',
    'SceneGraphParser',
    'parse_scene_graph',
]
