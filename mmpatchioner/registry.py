"""Child registries of mmdet's, with scope ``mmpatchioner``.

A config names a class of this package as ``mmpatchioner.<Class>`` whatever its default scope is; the folder that
holds the classes is imported when the first of them is built.
"""

from __future__ import annotations

from mmdet import registry as mmdet_registry
from mmengine.registry import Registry


def _child(name: str, parent: Registry, *locations: str) -> Registry:
    return Registry(name, parent=parent, scope='mmpatchioner', locations=list(locations))


MODELS = _child('model', mmdet_registry.MODELS, 'mmpatchioner.models')
DATASETS = _child('dataset', mmdet_registry.DATASETS, 'mmpatchioner.datasets')
DATA_SAMPLERS = _child('data sampler', mmdet_registry.DATA_SAMPLERS, 'mmpatchioner.datasets')
TRANSFORMS = _child('transform', mmdet_registry.TRANSFORMS, 'mmpatchioner.datasets.transforms')
METRICS = _child('metric', mmdet_registry.METRICS, 'mmpatchioner.evaluation.metrics')
HOOKS = _child('hook', mmdet_registry.HOOKS, 'mmpatchioner.engine')
VISUALIZERS = _child('visualizer', mmdet_registry.VISUALIZERS, 'mmpatchioner.visualization')
