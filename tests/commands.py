"""The scripts of ``tools/`` as modules, to call them as their command lines do."""

from __future__ import annotations

from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

TOOLS = Path(__file__).parents[1] / 'tools'


@cache
def load_tool(name: str) -> ModuleType:
    """A script by its path in ``tools/`` without the suffix, e.g. ``'model_converters/decap_to_mmpatchioner'``."""
    spec = spec_from_file_location(name.rpartition('/')[2], TOOLS / f'{name}.py')
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(name: str, *arguments: object) -> int:
    """Call the ``main`` of a script with the words of a command line; its status."""
    return load_tool(name).main([str(argument) for argument in arguments])
