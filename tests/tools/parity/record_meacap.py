"""MeaCap: what scene graphs of captions have in common (`meacap.utils.parse_tool`).

Two things of the released module are replaced: the sentence encoder, by fixed vectors, and Python's `set`, by one that
keeps the order in which elements came: which of several equals comes first would else depend on PYTHONHASHSEED. How
many cases that concerns is recorded too.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO

import torch
from torch import Tensor
from torch.nn import functional as F

from tests.tools.parity.released import released

NAMES = ['dog', 'puppy', 'man', 'woman', 'bench', 'grass']
ATTRIBUTES = ['brown', 'small', '2', '5']
THRESHOLD, MARGIN = 0.55, 1e-3
NUM_CASES, NUM_HASH_SEEDS = 40, 4


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


def record() -> tuple[dict[str, Tensor], dict]:
    by_hash_seed = zip(*map(_concepts_by_hash_seed, range(NUM_HASH_SEEDS)), strict=True)
    ambiguous = sum(len(set(map(tuple, concepts))) > 1 for concepts in by_hash_seed)
    return {}, {'cases': _cases(OrderedSet), 'faults': {'depend_on_the_hash_seed': ambiguous}}


def _cases(set_type: type) -> list[dict]:
    released('meacap.utils.parse_tool').set = set_type
    return [_case(_random_inputs(random.Random(seed))) for seed in range(NUM_CASES)]


def _case(inputs: dict) -> dict:
    module, encoder = released('meacap.utils.parse_tool'), FixedVectors(inputs['vectors'])
    with redirect_stdout(StringIO()):
        entities, counts, graph = module.get_graph_dict(encoder, inputs['graphs'], {}, {})
        concepts, counts, _ = module.merge_graph_dict(
            encoder, entities, counts, graph, inputs['captions']
        )
    return {**inputs, 'counts': dict(counts), 'concepts': list(concepts)[:4]}


def _concepts_by_hash_seed(seed: int) -> list[list[str]]:
    """Concepts of every case by a process of that seed, with Python's own set."""
    command = [sys.executable, '-m', __name__]
    environment = {**os.environ, 'PYTHONHASHSEED': str(seed)}
    printed = subprocess.run(command, env=environment, check=True, capture_output=True).stdout
    return json.loads(printed)


def _random_fact(rng: random.Random) -> list[str]:
    name, other, attribute = rng.choice(NAMES), rng.choice(NAMES), rng.choice(ATTRIBUTES)
    kinds = [[name], [name, attribute], [name, 'is', attribute], [name, 'on', other]]
    return rng.choice([*kinds, kinds[2], kinds[3], [name, 'on', 'top of', other]])


def _random_inputs(rng: random.Random) -> dict:
    """Graphs of five captions, the captions, and vectors of the names, none of whose cosines is near the threshold."""
    graphs = []
    for _ in range(5):
        facts = [_random_fact(rng) for _ in range(rng.choice([1, 1, 2, 4]))]
        graphs.append(' , '.join(f'( {" , ".join(fact)} )' for fact in facts))
    captions = [' '.join(rng.choices([*NAMES, 'the'], k=8)) for _ in range(5)]
    while True:
        vectors = {name: [round(rng.gauss(0, 1), 3) for _ in range(3)] for name in NAMES}
        rows = FixedVectors(vectors).encode(NAMES)
        if not ((rows @ rows.T - THRESHOLD).abs() < MARGIN).any():
            return {'graphs': graphs, 'captions': captions, 'vectors': vectors}


if __name__ == '__main__':
    sys.stdout.write(json.dumps([case['concepts'] for case in _cases(set)]))
