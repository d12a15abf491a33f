"""Sets of regions and mouse traces, as the authors publish them."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from mmpatchioner.datasets.annotations import AnnotationError, read_annotations

BOX = [0, 0, 9, 9]


def write(path, content):
    path.write_text(json.dumps(content))
    return path


def test_keys_are_references(tmp_path):
    content = {'391895': {'a man\nthe man .': [BOX, BOX], 'nothing': []}}
    annotations = read_annotations(write(tmp_path / 'a.json', content), 'region_set')
    assert annotations.source_format == 'entities'
    first, second = annotations.images[0].regions
    assert first.captions == ('a man', 'the man .')
    assert first.bboxes == ((0, 0, 9, 9), (0, 0, 9, 9))
    assert second.bboxes == ()
    assert annotations.counts == {'regions without boxes': 1, 'regions with repeated boxes': 1}
    assert annotations.images[0].file_name == 'COCO_val2014_000000391895.jpg'


def test_traces_in_two_files(tmp_path):
    trace = [{'x': 0.1, 'y': 0.2, 't': 0.0}, {'x': 1.2, 'y': 0.5, 't': 0.1}]
    first = write(tmp_path / '1.json', {'137576': {'captions': ['a\nb'], 'traces': [trace]}})
    second = write(tmp_path / '2.json', {'9': {'captions': [], 'traces': []}})
    annotations = read_annotations([first, second], 'trace')
    assert annotations.source_format == 'traces'
    assert [image.file_name for image in annotations.images] == [
        'val2017/000000137576.jpg',
        'val2017/000000000009.jpg',
    ]
    (region,) = annotations.images[0].regions
    assert region.captions == ('a', 'b')
    assert region.points == ((0.1, 0.2), (1.2, 0.5))
    assert annotations.counts == {'points outside the image': 1, 'images without regions': 1}
    with pytest.raises(AnnotationError, match="'137576' comes twice"):
        read_annotations([first, first], 'trace')


def test_captions_and_traces_are_parallel(tmp_path):
    path = write(tmp_path / '1.json', {'5': {'captions': ['a'], 'traces': []}})
    with pytest.raises(AnnotationError, match='got 1 captions and 0 traces'):
        read_annotations(path, 'trace')


def test_traces_in_pixels(tmp_path):
    trace = [{'x': 120, 'y': 30}, {'x': 121, 'y': 31}]
    path = write(tmp_path / '1.json', {'5': {'captions': ['a'], 'traces': [trace]}})
    with pytest.raises(AnnotationError, match='they look like pixels'):
        read_annotations(path, 'trace')


def test_another_task(tmp_path):
    path = write(tmp_path / 'a.json', {'1': {'a man': [BOX]}})
    with pytest.raises(
        AnnotationError, match="'entities', which is for the task 'region_set', not 'dense'"
    ):
        read_annotations(path, 'dense')


def shape(annotations):
    regions = [region for image in annotations.images for region in image.regions]
    return {
        'images': len(annotations.images),
        'samples': len(regions),
        'references': dict(Counter(len(region.captions) for region in regions)),
        'boxes': sum(len(region.bboxes) for region in regions),
    }


def test_coco_entities(shared_data):
    annotations = read_annotations(shared_data / 'eval/coco_entities_test.json', 'region_set')
    assert shape(annotations) == {
        'images': 3569,
        'samples': 6617,
        'references': {1: 5714, 2: 684, 3: 173, 4: 41, 5: 5},
        'boxes': 41752,
    }
    assert annotations.counts == {}


def test_flickr30k_entities(shared_data):
    annotations = read_annotations(shared_data / 'eval/flickr30k_entities_test.json', 'region_set')
    assert shape(annotations) == {
        'images': 1000,
        'samples': 3968,
        'references': {1: 3273, 2: 465, 3: 145, 4: 65, 5: 20},
        'boxes': 18196,
    }
    assert annotations.counts == {'regions without boxes': 22, 'regions with repeated boxes': 484}
    assert annotations.images[0].file_name == '1016887272.jpg'
