"""Concepts of several captions: scene graphs counted, merged where names mean the same, filtered and ordered.

MeaCap (arXiv 2403.03715), section 3.1, as its released code does it. Merging changes what it counts while it goes
through the pairs of similar names, so that its result depends on their order. That order is part of the method and is
kept here, but for ties, which the released code leaves to the hashes of strings and which here follow first occurrence.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor

from mmpatchioner.models.decoders.meacap.scene_graph import SceneGraph


@dataclass
class Concept:
    """An entity that captions speak of.

    Args:
        name: What they call it.
        count: In how many captions it occurs; merging adds those of its synonyms.
        attributes: In how many captions each of its attributes occurs, likewise.
    """

    name: str
    count: int = 0
    attributes: Counter[str] = field(default_factory=Counter)


def count_concepts(graphs: Sequence[SceneGraph]) -> list[Concept]:
    """Count entities and attributes over captions.

    Returns:
        The concepts, the most frequent first; among equals the one that occurs first.

    Example:
        >>> graphs = [SceneGraph(('cat', 'dog')), SceneGraph(('dog',), (('dog', 'brown'),))]
        >>> [(concept.name, concept.count, dict(concept.attributes)) for concept in count_concepts(graphs)]
        [('dog', 2, {'brown': 1}), ('cat', 1, {})]
    """
    concepts: dict[str, Concept] = {}
    for graph in graphs:
        for entity in graph.entities:
            concepts.setdefault(entity, Concept(entity)).count += 1
        for entity, attribute in graph.attributes:
            concepts[entity].attributes[attribute] += 1
    return sorted(concepts.values(), key=lambda concept: concept.count, reverse=True)


def merge_concepts(
    concepts: Sequence[Concept], similarity: Tensor, threshold: float = 0.55
) -> list[Concept]:
    """Let the first of several names that mean the same stand for all of them.

    Args:
        concepts: n concepts; not changed.
        similarity: (n, n) cosines of their names.
        threshold: Names of a larger cosine mean the same.

    Returns:
        Those that remain, in the order given.

    Example:
        >>> import torch
        >>> concepts = [Concept('dog', 2), Concept('puppy', 1), Concept('bench', 1)]
        >>> close = torch.tensor([[1.0, 0.9, 0.0], [0.9, 1.0, 0.0], [0.0, 0.0, 1.0]])
        >>> [(concept.name, concept.count) for concept in merge_concepts(concepts, close)]
        [('dog', 3), ('bench', 1)]
    """
    merged = [Concept(each.name, each.count, Counter(each.attributes)) for each in concepts]
    synonyms: dict[int, list[int]] = {}
    superseded: set[int] = set()
    counts = [each.count for each in concepts]
    for first, second in (similarity > threshold).nonzero().tolist():
        if first == second:
            continue
        if first not in superseded:
            synonyms.setdefault(first, []).append(second)
            counts[first] += counts[second]
        if second not in synonyms:
            superseded.add(second)
        merged[first].attributes.update(merged[second].attributes)
    removed = {second for group in synonyms.values() for second in group}
    for concept, count in zip(merged, counts, strict=True):
        concept.count = count
    return [concept for index, concept in enumerate(merged) if index not in removed]


def describe_concepts(
    concepts: Sequence[Concept],
    captions: Sequence[str],
    compat: Literal['official'] | None = None,
    min_count: int = 3,
    most: int = 4,
) -> list[str]:
    """Name the concepts that enough captions agree on, in the order in which captions speak of them.

    A concept is preceded by the first of its attributes that occurs as often.

    Args:
        concepts: Counted and merged.
        captions: Where they come from.
        compat: ``'official'`` orders as the released code does, which passes over a name at the very start of a
            caption, finds ``man`` in ``woman`` and tells upper from lower case.
        min_count: How often a concept or an attribute must occur; 3 of 5 captions is published.
        most: How many are named.

    Example:
        >>> concepts = [Concept('bench', 3), Concept('dog', 4, Counter(small=1, brown=3)), Concept('tree', 2)]
        >>> describe_concepts(concepts, ['A brown dog on a bench', 'Dogs near a bench'])
        ['brown dog', 'bench']
    """
    check_compat(compat)
    find = _official_position if compat == 'official' else _position
    agreed = [concept for concept in concepts if concept.count >= min_count]
    agreed.sort(key=lambda concept: _mean_position(concept.name, captions, find))
    return [_describe(concept, min_count) for concept in agreed[:most]]


def check_compat(compat: str | None) -> None:
    """Refuse an unknown preset.

    Raises:
        ValueError: if it is neither None nor ``'official'``.
    """
    if compat not in (None, 'official'):
        raise ValueError(f"hard_prompt.compat: expected None or 'official', got {compat!r}.")


def _describe(concept: Concept, min_count: int) -> str:
    agreed = (name for name, count in concept.attributes.items() if count >= min_count)
    attribute = next(agreed, None)
    return concept.name if attribute is None else f'{attribute} {concept.name}'


def _mean_position(
    name: str, captions: Sequence[str], find: Callable[[str, str], float | None]
) -> float:
    """Where captions name it, from 0 at their start to 1 at their end; 1 if none does."""
    found = [position for caption in captions if (position := find(name, caption)) is not None]
    return sum(found) / len(found) if found else 1.0


def _position(name: str, caption: str) -> float | None:
    # At the start of a word alone: the parser gives the singular of a plural.
    match = re.search(rf'(?<!\w){re.escape(name)}', caption, re.IGNORECASE)
    return match.start() / len(caption) if match else None


def _official_position(name: str, caption: str) -> float | None:
    start = caption.find(name)
    return start / len(caption) if start > 0 else None
