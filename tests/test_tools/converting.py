"""Calling the converters of published weights as their command lines do."""

from __future__ import annotations

from tests import commands


def run(tool: str, *arguments: object) -> int:
    """Call the ``main`` of a converter; its status."""
    return commands.run(f'model_converters/{tool}', *arguments)
