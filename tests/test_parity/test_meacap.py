"""What MeaCap makes of scene graphs, against the released code."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from mmpatchioner.models.decoders.meacap import parse_scene_graph
from mmpatchioner.models.decoders.meacap.concepts import (
    Concept,
    count_concepts,
    describe_concepts,
    merge_concepts,
)


@pytest.fixture(scope='module')
def record(recorded):
    return recorded('meacap')


def merged(case) -> list[Concept]:
    concepts = count_concepts([parse_scene_graph(text) for text in case['graphs']])
    vectors = [case['vectors'][concept.name] for concept in concepts]
    rows = F.normalize(torch.tensor(vectors).view(-1, 3), dim=1)
    return merge_concepts(concepts, rows @ rows.T)


def test_counts_and_concepts(record):
    for case in record.values['cases']:
        kept = merged(case)
        counts = {concept.name: concept.count for concept in kept if concept.count >= 3}
        assert counts == case['counts']
        assert describe_concepts(kept, case['captions'], compat='official') == case['concepts']


def test_default_order_heeds_the_first_word_of_a_caption(record):
    differing = 0
    for case in record.values['cases']:
        ours = describe_concepts(merged(case), case['captions'])
        # The released code ignores a name at the very start, and takes `man` to stand in `woman`.
        if ours != case['concepts']:
            differing += 1
            starts = {caption.split()[0] for caption in case['captions']}
            named = {concept.split()[-1] for concept in case['concepts']}
            assert named & starts or {'man', 'woman'} <= named
    assert differing > 3


def test_order_of_equals(record):
    # There it follows the hashes of strings, which differ from process to process; here the order of occurrence, in
    # which all cases are recorded.
    assert record.values['faults']['depend_on_the_hash_seed'] > 0
    graphs = [parse_scene_graph(text) for text in ['( cat , is , red )', '( ant , is , red )']]
    assert [concept.name for concept in count_concepts(graphs)] == ['cat', 'ant']
