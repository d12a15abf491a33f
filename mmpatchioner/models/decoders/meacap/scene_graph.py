"""Scene graphs of captions: entities, their attributes and their relations, from the output of a parser."""

from __future__ import annotations

import re
from dataclasses import dataclass

_BETWEEN_FACTS = re.compile(r'\)\s*,\s*\(')
_PARENTHESES = re.compile(r'[()]')
_NUMBERS = {
    '2': 'two',
    '3': 'three',
    '4': 'four',
    '5': 'five',
    '6': 'six',
    '7': 'seven',
    '8': 'eight',
    '9': 'nine',
}


@dataclass(frozen=True)
class SceneGraph:
    """What one caption says.

    Everything is in the order of its first occurrence, and there once.

    Args:
        entities: Names of things.
        attributes: Pairs of an entity and what it is: ``('dog', 'brown')``, ``('dog', 'two')``.
        relations: Triples of an entity, how it relates, and to which entity.
    """

    entities: tuple[str, ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()
    relations: tuple[tuple[str, str, str], ...] = ()


def parse_scene_graph(text: str) -> SceneGraph:
    """Read the facts that a parser of FACTUAL scene graphs (arXiv 2305.17497) wrote down.

    A fact of two items is an entity and its attribute. One of three is an attribute too if ``is`` stands in the middle,
    where numbers up to nine become words; else it is a relation of two entities. In longer ones the first and the last
    item are entities and all between is the relation. A single item is an entity only where there is no other fact.
    Facts with an empty item are left out: the parser was cut off.

    Example:
        >>> graph = parse_scene_graph('( dog , is , 2 ) , ( dog , run on , grass ) , ( dog , brown )')
        >>> graph.entities, graph.attributes, graph.relations
        (('dog', 'grass'), (('dog', 'two'), ('dog', 'brown')), (('dog', 'run on', 'grass'),))
    """
    facts = [fact for part in _BETWEEN_FACTS.split(text) if all(fact := _items(part))]
    entities: dict[str, None] = {}
    attributes: dict[tuple[str, str], None] = {}
    relations: dict[tuple[str, str, str], None] = {}
    for fact in dict.fromkeys(facts):
        match fact:
            case (entity,):
                if len(facts) == 1:
                    entities[entity] = None
            case (entity, attribute):
                entities[entity] = None
                attributes[entity, attribute] = None
            case (entity, 'is', attribute):
                entities[entity] = None
                attributes[entity, _NUMBERS.get(attribute, attribute)] = None
            case (entity, *relation, other):
                entities |= {entity: None, other: None}
                relations[entity, ' '.join(relation), other] = None
    return SceneGraph(tuple(entities), tuple(attributes), tuple(relations))


def _items(fact: str) -> tuple[str, ...]:
    return tuple(' '.join(item.split()) for item in _PARENTHESES.sub(' ', fact).split(','))
