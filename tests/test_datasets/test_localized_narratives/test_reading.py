from __future__ import annotations

import gzip
import io
import json

import pytest

from mmpatchioner.datasets.annotations import AnnotationError
from mmpatchioner.datasets.localized_narratives import (
    TracePoint,
    Utterance,
    image_key,
    read_image_list,
    read_narratives,
)
from tests.test_datasets.test_localized_narratives.spoken import record


def read(*entries, name='a.jsonl', select=None):
    data = ''.join(json.dumps(entry) + '\n' for entry in entries).encode()
    return list(read_narratives(io.BytesIO(data), name, select))


def test_a_line_is_a_narrative():
    (narrative,) = read(record('Two red dogs.', image_id='42'))
    assert (narrative.dataset_id, narrative.image_id) == ('mscoco_val2017', '42')
    assert narrative.caption == 'Two red dogs.'
    assert narrative.utterances == (Utterance('Two red', 0.0, 0.7), Utterance('dogs.', 0.8, 1.1))
    assert len(narrative.points) == 12  # of both segments
    assert narrative.points[0] == TracePoint(-0.01, 0.5, 0.0)
    assert [point.t for point in narrative.points] == sorted(point.t for point in narrative.points)


def test_compressed_files_are_read_alike():
    data = json.dumps(record()).encode()
    plain = list(read_narratives(io.BytesIO(data), 'a.jsonl'))
    assert list(read_narratives(io.BytesIO(gzip.compress(data)), 'a.jsonl.gz')) == plain
    for broken in (data, gzip.compress(data)[:-9], gzip.compress(data)[:-30] + b'x' * 40):
        with pytest.raises(AnnotationError, match=r'a\.jsonl\.gz: expected a whole gzip file'):
            list(read_narratives(io.BytesIO(broken), 'a.jsonl.gz'))


def test_lines_are_read_one_by_one():
    class Endless(io.RawIOBase):
        line = json.dumps(record()).encode() + b'\n'

        def __next__(self):
            return self.line

    narratives = read_narratives(Endless(), 'a.jsonl')
    assert next(narratives) == next(narratives)


def test_what_is_not_selected_is_not_looked_at():
    broken = {**record(image_id='1'), 'traces': None}
    kept = read(broken, record(image_id='2'), select=lambda dataset, image: image == '2')
    assert [narrative.image_id for narrative in kept] == ['2']


def change(path, value):
    entry = record()
    *parents, key = path
    target = entry
    for parent in parents:
        target = target[parent]
    if value is None:
        del target[key]
    else:
        target[key] = value
    return entry


@pytest.mark.parametrize(
    ('path', 'value', 'message'),
    [
        (['image_id'], None, "expected the key 'image_id'"),
        (['image_id'], [1], "'image_id': expected an image's id"),
        (['caption'], 3, "'caption': expected a text, got 3"),
        (['timed_caption'], None, "expected the key 'timed_caption'"),
        (['timed_caption'], {}, "'timed_caption': expected a list"),
        (
            ['timed_caption', 1, 'utterance'],
            None,
            r"timed_caption\[1\]: expected the key 'utterance'",
        ),
        (['timed_caption', 2, 'end_time'], 'x', r"timed_caption\[2\]: .* under 'end_time', got"),
        (['timed_caption', 0, 'start_time'], float('nan'), "finite number under 'start_time'"),
        (['traces', 1], 7, r'traces\[1\]: expected a list, got 7'),
        (['traces', 1, 0], 7, r'traces\[1\]: expected an object, got 7'),
        (['traces', 0, 1, 't'], None, r"traces\[0\]: expected a finite number under 't', got"),
        (['traces', 0, 1, 'x'], True, "finite number under 'x'"),
    ],
)
def test_errors_tell_file_line_and_key(path, value, message):
    with pytest.raises(AnnotationError, match=rf'^a\.jsonl, line 2.*{message}'):
        read(record(), change(path, value))


@pytest.mark.parametrize(
    ('line', 'message'),
    [
        (b'{"a": ', 'line 1: expected JSON'),
        (b'[1]', 'line 1: expected a JSON object, got list'),
        (b'\xff\xfe{}\xff', 'line 1: expected JSON'),
    ],
)
def test_other_files_are_refused(line, message):
    with pytest.raises(AnnotationError, match=message):
        list(read_narratives(io.BytesIO(line), 'a.jsonl'))


def test_image_lists(tmp_path):
    path = tmp_path / 'images.json'

    def listed(content, split=None):
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return read_image_list(path, split)

    coco = {'images': [{'id': 5, 'file_name': 'COCO_val2014_000000000042.jpg'}, {'id': 7}]}
    karpathy = {
        'images': [
            {'filename': '1007129816.jpg', 'split': 'test', 'sentids': []},
            {'filename': '1000092795.jpg', 'split': 'train', 'sentids': []},
        ]
    }
    assert listed(coco) == {'42', '7'}
    assert listed(karpathy, 'test') == {'1007129816'}
    assert len(listed(karpathy)) == 2
    assert listed([42, '000000000007', 'a/0b.jpg']) == {'42', '7', '0b'}
    assert listed('42\n\n7.jpg\n') == {'42', '7'}
    for content, message in (
        ('', 'has none'),
        ([], 'has none'),
        ({'a': 1}, "expected the key 'images'"),
        ([{'name': 1}], "image 0: expected the key 'id'"),
        ([None], "image 0: expected an image's id"),
        ('{', 'expected JSON'),
    ):
        with pytest.raises(AnnotationError, match=message):
            listed(content)
    with pytest.raises(AnnotationError, match="of the split 'val', it has none"):
        listed(karpathy, 'val')


def test_published_lists(shared_data):
    coco = read_image_list(shared_data / 'eval' / 'coco-test.json')
    flickr = read_image_list(shared_data / 'eval' / 'flickr30k_test.json')
    assert len(coco) == 5000 and '391895' in coco
    assert len(flickr) == 1000 and image_key('1007129816') in flickr
