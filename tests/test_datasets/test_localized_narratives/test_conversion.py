from __future__ import annotations

import io
import json
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpatchioner.datasets.annotations import read_annotations
from mmpatchioner.datasets.localized_narratives import (
    ConversionCounts,
    KeepSentences,
    Rewriter,
    RuleRewriter,
    Selection,
    TracePoint,
    TraceSample,
    read_narratives,
    trace_samples,
    write_traces,
)
from mmpatchioner.datasets.localized_narratives.alignment import words_of
from tests.test_datasets.test_localized_narratives.spoken import POINTS, record

SENTENCES = [
    'There is a red dog on the grass.',
    'In the background we can see trees.',
    'The image is blurred.',
    'We can see it.',
    'A cat!',
]


def convert(records, rewriter=None, select=None, counts=None, **kwargs):
    counts = counts or ConversionCounts()
    lines = ''.join(json.dumps(entry) + '\n' for entry in records).encode()
    narratives = read_narratives(io.BytesIO(lines), 'a.jsonl', select)
    return list(trace_samples(narratives, rewriter or KeepSentences(), counts, **kwargs)), counts


def test_every_sentence_gets_the_points_of_its_time():
    text = 'There is a dog. The grass is green.'
    (dog, grass), counts = convert([record(text)])
    assert (dog.caption, grass.caption) == ('There is a dog.', 'The grass is green.')
    # Utterances: "There is" "a" "dog. The" "grass is" ...: the third belongs to both.
    assert [round(point.t, 4) for point in dog.points] == [round(0.1 * i, 4) for i in range(20)]
    assert grass.points[0].t == 1.2
    assert len(grass.points) == 5 * POINTS
    assert asdict(counts) == {**asdict(ConversionCounts()), 'sentences': 2, 'kept': 2}


def test_what_is_dropped_is_counted():
    spoken = record(' '.join(SENTENCES), heard=' '.join(SENTENCES[:-1]))
    samples, counts = convert([spoken], RuleRewriter())
    assert [sample.caption for sample in samples] == ['A red dog on the grass.', 'Trees.']
    assert (counts.sentences, counts.noise, counts.unnamed, counts.unaligned) == (5, 1, 1, 1)

    with_noise, _ = convert([spoken], RuleRewriter(), drop_noise=False)
    assert [sample.caption for sample in with_noise][-1] == 'The image is blurred.'


def test_points_outside_of_the_image_are_kept_and_do_not_count():
    entry = record('A dog. A cat.')
    for segment in entry['traces']:
        for point in segment:
            point['x'] = -0.1 if point['t'] < 0.55 else 0.5
    entry['traces'][0][0]['x'] = 1.0
    (dog, _), _ = convert([entry])
    assert [point.x for point in dog.points][:2] == [1.0, -0.1]
    (cat,), counts = convert([entry], min_points=4)
    assert cat.caption == 'A cat.'
    assert counts.without_points == 1
    _, counts = convert([{**entry, 'traces': []}], min_points=0)
    assert counts.without_points == 2


def test_selection():
    records = [
        record('A dog.', '42', 'mscoco_val2017'),
        record('A dog.', '43', 'mscoco_train2017'),
        record('A dog.', '42', 'flickr30k_test'),
        record('A dog.', '44', 'mscoco_val2017'),
    ]
    counts = ConversionCounts()
    select = Selection(counts, images={'42', '43'}, dataset_ids=['mscoco_*'])
    samples, _ = convert(records, select=select, counts=counts)
    assert [sample.image_id for sample in samples] == ['42', '43']
    assert (counts.narratives, counts.other_datasets, counts.other_images) == (4, 1, 1)
    counts = ConversionCounts()
    assert len(convert(records, select=Selection(counts), counts=counts)[0]) == 4


class Batches(Rewriter):
    """Notes how many sentences it gets at once."""

    def __init__(self):
        self.sizes = []

    def rewrite(self, sentence):
        return None if 'see it' in sentence else sentence

    def rewrite_all(self, sentences):
        self.sizes.append(len(sentences))
        return super().rewrite_all(sentences)


def test_sentences_of_several_narratives_are_rewritten_together():
    rewriter = Batches()
    records = [record(' '.join(SENTENCES), image_id=str(index)) for index in range(5)]
    samples, counts = convert(records, rewriter, chunk_size=8)
    assert rewriter.sizes == [8, 8, 4]
    assert (len(samples), counts.kept, counts.unnamed, counts.noise) == (15, 15, 5, 5)
    assert [sample.image_id for sample in samples] == [str(i) for i in range(5) for _ in range(3)]


@given(
    st.lists(st.lists(st.sampled_from(SENTENCES), max_size=6), max_size=4),
    st.booleans(),
    st.integers(0, 12),
)
def test_no_sentence_is_lost_uncounted(texts, drop_noise, min_points):
    records = [record(' '.join(text), str(index)) for index, text in enumerate(texts)]
    samples, counts = convert(records, RuleRewriter(), drop_noise=drop_noise, min_points=min_points)
    dropped = counts.noise + counts.unaligned + counts.without_points + counts.unnamed
    assert counts.sentences == sum(map(len, texts)) == dropped + counts.kept
    assert len(samples) == counts.kept
    assert all(len(sample.points) >= max(1, min_points) for sample in samples)
    # In the order of the text, with words of it.
    for index, text in enumerate(texts):
        captions = [sample.caption for sample in samples if sample.image_id == str(index)]
        rewritten = [RuleRewriter().rewrite(sentence) for sentence in text]
        remaining = iter(rewritten)
        assert all(caption in remaining for caption in captions)
        assert {word for caption in captions for word in words_of(caption)} <= set(
            words_of(' '.join(text))
        )


DOG = [TracePoint(0.25, 0.5, 0.0), TracePoint(0.3, -0.01, 0.1)]
CAT = [TracePoint(0.75, 0.5, 1.0)]


def test_written_files_are_those_of_the_published_schema(tmp_path):
    samples = [
        TraceSample('42', 'A \u201cdog\u201d.', DOG),
        TraceSample('7', 'A cat.', CAT),
        TraceSample('42', 'A cat.', CAT),
    ]
    written = write_traces(samples, tmp_path / 'new' / 'traces.json')
    assert (written.image_ids, written.samples, written.merged) == (('42', '7'), 3, 0)
    content = json.loads((tmp_path / 'new' / 'traces.json').read_text(encoding='utf-8'))
    assert content == {
        '42': {
            'captions': ['A \u201cdog\u201d.', 'A cat.'],
            'traces': [
                [{'x': 0.25, 'y': 0.5, 't': 0.0}, {'x': 0.3, 'y': -0.01, 't': 0.1}],
                [{'x': 0.75, 'y': 0.5, 't': 1.0}],
            ],
        },
        '7': {'captions': ['A cat.'], 'traces': [[{'x': 0.75, 'y': 0.5, 't': 1.0}]]},
    }
    annotations = read_annotations(str(tmp_path / 'new' / 'traces.json'), 'trace')
    first = annotations.images[0]
    assert first.image_id == '42' and first.file_name == 'val2017/000000000042.jpg'
    assert first.regions[0].captions == ('A \u201cdog\u201d.',)
    assert first.regions[0].points == ((0.25, 0.5), (0.3, -0.01))


def test_samples_with_the_same_trace_are_merged_if_asked(tmp_path):
    samples = [
        TraceSample('42', 'A dog.', DOG),
        TraceSample('42', 'A dog.', DOG),
        TraceSample('7', 'A dog.', DOG),
        TraceSample('42', 'A puppy.', DOG),
        TraceSample('42', 'A cat.', CAT),
    ]
    path = tmp_path / 'traces.json'
    assert write_traces(samples, path).merged == 0
    written = write_traces(samples, path, merge=True)
    assert (written.samples, written.merged) == (3, 2)
    regions = read_annotations(str(path), 'trace').images[0].regions
    assert [region.captions for region in regions] == [('A dog.', 'A puppy.'), ('A cat.',)]


def test_a_failure_leaves_no_file(tmp_path):
    def failing():
        yield TraceSample('42', 'A dog.', DOG)
        raise RuntimeError('gone')

    path = tmp_path / 'traces.json'
    path.write_text('old')
    with pytest.raises(RuntimeError, match='gone'):
        write_traces(failing(), path)
    assert path.read_text() == 'old'
    assert list(tmp_path.iterdir()) == [path]
    assert write_traces([], path).image_ids == ()
    assert json.loads(path.read_text()) == {}
