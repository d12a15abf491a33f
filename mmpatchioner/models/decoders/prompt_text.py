"""The words of hard prompts."""

from __future__ import annotations

from collections.abc import Sequence


def compose_prompt(concepts: Sequence[str]) -> str:
    """The sentence that names concepts.

    Example:
        >>> compose_prompt(['brown dog', 'bench']), compose_prompt([])
        ('There are brown dog, bench in image.', 'There are something in image.')
    """
    return f'There are {", ".join(concepts) or "something"} in image.'
