"""Counting, merging, filtering and ordering, rule by rule."""

from __future__ import annotations

import copy
from collections import Counter
from itertools import combinations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmpatchioner.models.decoders.meacap import SceneGraph, parse_scene_graph
from mmpatchioner.models.decoders.meacap.concepts import (
    Concept,
    count_concepts,
    describe_concepts,
    merge_concepts,
)


def similarity(names: list[str], *pairs: tuple[str, str], cosine: float = 0.9) -> torch.Tensor:
    """Cosines of names of which these pairs mean the same."""
    matrix = torch.eye(len(names))
    for first, second in pairs:
        row, column = names.index(first), names.index(second)
        matrix[row, column] = matrix[column, row] = cosine
    return matrix


def merged(concepts: list[Concept], *pairs: tuple[str, str]) -> dict[str, int]:
    names = [concept.name for concept in concepts]
    return {each.name: each.count for each in merge_concepts(concepts, similarity(names, *pairs))}


def test_counts_captions_and_not_mentions():
    graphs = [
        SceneGraph(('dog', 'mat'), (('dog', 'brown'),)),
        SceneGraph(('mat',)),
        SceneGraph(('dog', 'mat'), (('dog', 'brown'), ('dog', 'big'))),
    ]
    assert count_concepts(graphs) == [
        Concept('mat', 3),
        Concept('dog', 2, Counter(brown=2, big=1)),
    ]
    assert count_concepts([]) == []


def test_the_first_of_two_synonyms_stands_for_both():
    concepts = [
        Concept('dog', 2, Counter(brown=2)),
        Concept('puppy', 2, Counter(small=1, brown=1)),
        Concept('bench', 1),
    ]
    before = copy.deepcopy(concepts)
    result = merge_concepts(concepts, similarity(['dog', 'puppy', 'bench'], ('dog', 'puppy')))
    assert result == [Concept('dog', 4, Counter(brown=3, small=1)), Concept('bench', 1)]
    assert concepts == before


def test_the_first_stands_for_all_that_are_like_it():
    concepts = [Concept('dog', 2), Concept('puppy', 1), Concept('animal', 1)]
    assert merged(concepts, ('dog', 'puppy'), ('dog', 'animal')) == {'dog': 4}
    all_alike = list(combinations(['dog', 'puppy', 'animal'], 2))
    assert merged(concepts, *all_alike) == {'dog': 4}


def test_a_synonym_of_a_synonym_is_not_merged():
    # b is superseded by a before it can supersede c.
    concepts = [Concept('a', 3), Concept('b', 2), Concept('c', 1)]
    assert merged(concepts, ('a', 'b'), ('b', 'c')) == {'a': 5, 'c': 1}


def test_two_may_stand_for_the_same_third():
    concepts = [Concept('a', 3), Concept('b', 2), Concept('c', 1)]
    assert merged(concepts, ('a', 'c'), ('b', 'c')) == {'a': 4, 'b': 3}


def test_attributes_are_absorbed_pair_by_pair():
    # b is superseded by a, and absorbs from it before c, which nobody stands for, absorbs from b.
    concepts = [Concept('a', 1, Counter(red=1)), Concept('b', 1), Concept('c', 1)]
    kept = merge_concepts(concepts, similarity(['a', 'b', 'c'], ('a', 'b'), ('b', 'c')))
    assert kept == [Concept('a', 2, Counter(red=1)), Concept('c', 1, Counter(red=1))]


def test_an_asymmetric_similarity_merges_one_way():
    concepts = [Concept('dog', 2), Concept('puppy', 1)]
    one_way = torch.tensor([[1.0, 0.0], [0.9, 1.0]])
    assert merge_concepts(concepts, one_way) == [Concept('puppy', 3)]
    assert merge_concepts(concepts, one_way.T) == [Concept('dog', 3)]


def test_the_threshold_itself_does_not_merge():
    concepts = [Concept('dog', 2), Concept('puppy', 1)]
    cosines = torch.tensor([[1.0, 0.5], [0.5, 1.0]])
    assert len(merge_concepts(concepts, cosines, threshold=0.5)) == 2
    assert len(merge_concepts(concepts, cosines, threshold=0.49)) == 1
    assert len(merge_concepts(concepts, cosines)) == 2  # 0.55


def test_three_captions_have_to_agree_after_merging():
    concepts = [Concept('dog', 2), Concept('mat', 2), Concept('puppy', 1)]
    names = [concept.name for concept in concepts]
    kept = merge_concepts(concepts, similarity(names, ('dog', 'puppy')))
    assert describe_concepts(kept, ['a dog']) == ['dog']


def test_the_first_attribute_that_occurs_as_often_precedes():
    attributes = Counter(small=2, brown=3, old=4)
    assert describe_concepts([Concept('dog', 4, attributes)], ['a dog']) == ['brown dog']
    assert describe_concepts([Concept('dog', 4, Counter(small=2))], ['a dog']) == ['dog']


def test_order_is_that_of_the_mean_relative_position():
    captions = ['a cat and a dog', 'the dog is near the cat', 'one dog, one cat']
    concepts = [Concept('cat', 3), Concept('dog', 3)]
    assert describe_concepts(concepts, captions) == ['dog', 'cat']
    assert describe_concepts(concepts, captions[:1]) == ['cat', 'dog']


def test_what_no_caption_names_comes_last_and_equals_stay_in_order():
    concepts = [Concept('bird', 3), Concept('fish', 3), Concept('dog', 3)]
    assert describe_concepts(concepts, ['a big dog']) == ['dog', 'bird', 'fish']


def test_four_are_named():
    concepts = [Concept(name, 3) for name in 'abcdef']
    assert describe_concepts(concepts, ['f e d c b a']) == ['f', 'e', 'd', 'c']
    assert describe_concepts(concepts, ['f e d c b a'], most=2) == ['f', 'e']


def test_official_passes_over_a_name_at_the_very_start():
    captions = ['dogs run to a cat', 'dogs on grass near a cat', 'dogs and, after them, a cat']
    concepts = [Concept('cat', 3), Concept('dog', 3)]
    assert describe_concepts(concepts, captions) == ['dog', 'cat']
    assert describe_concepts(concepts, captions, compat='official') == ['cat', 'dog']


def test_official_finds_a_man_in_a_woman():
    captions = ['a woman with a dog and a man']
    concepts = [Concept('man', 3), Concept('dog', 3)]
    assert describe_concepts(concepts, captions) == ['dog', 'man']
    assert describe_concepts(concepts, captions, compat='official') == ['man', 'dog']


def test_official_tells_upper_from_lower_case():
    captions = ['Two Dogs meet a cat']
    concepts = [Concept('cat', 3), Concept('dog', 3)]
    assert describe_concepts(concepts, captions) == ['dog', 'cat']
    assert describe_concepts(concepts, captions, compat='official') == ['cat', 'dog']


def test_signs_in_names_and_empty_captions_are_no_patterns():
    concepts = [Concept('t-shirt (red', 3), Concept('.', 3)]
    assert describe_concepts(concepts, ['', 'a t-shirt (red']) == ['t-shirt (red', '.']


def test_an_unknown_preset_is_refused():
    with pytest.raises(ValueError, match="expected None or 'official', got 'paper'"):
        describe_concepts([], [], compat='paper')


_NAMES = st.sampled_from(['dog', 'puppy', 'man', 'woman', 'bench'])
_FACTS = st.one_of(
    st.tuples(_NAMES),
    st.tuples(_NAMES, st.sampled_from(['brown', 'small'])),
    st.tuples(_NAMES, st.just('is'), st.sampled_from(['2', 'brown'])),
    st.tuples(_NAMES, st.just('near'), _NAMES),
)


@given(
    facts=st.lists(st.lists(_FACTS, max_size=4), min_size=5, max_size=5),
    cosines=st.lists(st.sampled_from([0.1, 0.9]), min_size=25, max_size=25),
)
def test_what_is_named_was_said_often_enough(facts, cosines):
    texts = [' , '.join(f'( {" , ".join(fact)} )' for fact in graph) for graph in facts]
    concepts = count_concepts([parse_scene_graph(text) for text in texts])
    matrix = torch.tensor(cosines).view(5, 5)[: len(concepts), : len(concepts)]
    matrix = torch.maximum(matrix, matrix.T)
    kept = merge_concepts(concepts, matrix)
    assert kept == merge_concepts(concepts, matrix)
    counts = {concept.name: concept.count for concept in concepts}
    assert all(concept.count >= counts[concept.name] for concept in kept)
    named = describe_concepts(kept, texts)
    assert len(named) <= 4 and len(set(named)) == len(named)
    assert {name.split()[-1] for name in named} <= {each.name for each in kept if each.count >= 3}
