"""Calling the converters as their command lines do."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

FOLDER = Path(__file__).parents[2] / 'tools' / 'model_converters'


def run(tool: str, *arguments: object) -> int:
    """Call the ``main`` of a script."""
    spec = spec_from_file_location(tool, FOLDER / f'{tool}.py')
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main([str(argument) for argument in arguments])
