"""Facts of a scene graph, rule by rule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpatchioner.models.decoders.meacap import SceneGraph, parse_scene_graph


@pytest.mark.parametrize(
    ('text', 'entities', 'attributes', 'relations'),
    [
        ('( dog , brown )', ('dog',), (('dog', 'brown'),), ()),
        ('( dog , is , brown )', ('dog',), (('dog', 'brown'),), ()),
        ('( dog , on , mat )', ('dog', 'mat'), (), (('dog', 'on', 'mat'),)),
        ('( dog , on , top of , mat )', ('dog', 'mat'), (), (('dog', 'on top of', 'mat'),)),
        # With more than three items `is` is no copula.
        ('( dog , is , on , mat )', ('dog', 'mat'), (), (('dog', 'is on', 'mat'),)),
        ('( dog )', ('dog',), (), ()),
        ('( dog ) , ( cat , on , mat )', ('cat', 'mat'), (), (('cat', 'on', 'mat'),)),
        ('( dog ) , ( cat )', (), (), ()),
        ('', (), (), ()),
        ('( )', (), (), ()),
        ('dog , is , brown', ('dog',), (('dog', 'brown'),), ()),
        ('(dog,is,brown),(dog,on,mat)', ('dog', 'mat'), (('dog', 'brown'),), (('dog', 'on', 'mat'),)),
        ('( dog , is , brown ) , ( dog , on ,', ('dog',), (('dog', 'brown'),), ()),
    ],
)  # fmt: skip
def test_kinds_of_facts(text, entities, attributes, relations):
    assert parse_scene_graph(text) == SceneGraph(entities, attributes, relations)


@pytest.mark.parametrize(
    ('number', 'word'),
    [('1', '1'), ('2', 'two'), ('3', 'three'), ('4', 'four'), ('5', 'five'), ('6', 'six'), ('7', 'seven'),
     ('8', 'eight'), ('9', 'nine'), ('10', '10')],
)  # fmt: skip
def test_numbers_become_words_behind_is(number, word):
    assert parse_scene_graph(f'( dog , is , {number} )').attributes == (('dog', word),)
    assert parse_scene_graph(f'( dog , {number} )').attributes == (('dog', number),)


def test_what_is_said_twice_counts_once():
    graph = parse_scene_graph('( dog , is , 2 ) , ( dog , two ) , ( dog , is , 2 )')
    assert graph == SceneGraph(('dog',), (('dog', 'two'),))
    # A single item that is said twice is not the only fact.
    assert parse_scene_graph('( dog ) , ( dog )') == SceneGraph()


@given(st.text('dog is,()2 ', max_size=40))
def test_any_text_can_be_read(text):
    graph = parse_scene_graph(text)
    named = {entity for entity, _ in graph.attributes}
    named |= {end for first, _, last in graph.relations for end in (first, last)}
    assert named <= set(graph.entities) and '' not in graph.entities
