"""Users' own annotations: JSON Lines and the simple object by image id."""

from __future__ import annotations

import json

import pytest

from mmpatchioner.datasets.annotations import AnnotationError, CaptionedRegion, read_annotations

REGION = {'bbox': [1, 2, 30, 40], 'phrases': ['a dog', 'the dog']}


def write(path, content):
    path.write_text(json.dumps(content))
    return path


def write_lines(path, *lines):
    path.write_text('\n'.join(map(json.dumps, lines)) + '\n')
    return path


def test_lines_of_regions(tmp_path):
    path = write_lines(
        tmp_path / 'a.jsonl',
        {'image': 'a.jpg', 'width': 60, 'height': 50, 'regions': [REGION]},
        {'image': 'b.jpg', 'image_id': 7, 'regions': []},
    )
    annotations = read_annotations(path, 'dense')
    first, second = annotations.images
    assert annotations.source_format == 'jsonl'
    assert (first.image_id, first.file_name, first.width, first.height) == (
        'a.jpg',
        'a.jpg',
        60,
        50,
    )
    assert first.regions == (CaptionedRegion(('a dog', 'the dog'), bbox=(1, 2, 30, 40)),)
    assert (second.image_id, second.file_name) == ('7', 'b.jpg')
    assert annotations.counts == {'ids that are names': 1, 'images without regions': 1}


def test_one_line_is_a_file_too(tmp_path):
    path = write_lines(tmp_path / 'a.jsonl', {'image': 'a.jpg', 'captions': ['a dog']})
    assert read_annotations(path, 'image').images[0].regions[0].captions == ('a dog',)


@pytest.mark.parametrize('split', [dict(splits=['val']), dict(splits='val'), dict(split='val')])
def test_splits(tmp_path, split):
    path = write_lines(
        tmp_path / 'a.jsonl',
        {'image': 'a.jpg', 'captions': ['a dog'], 'split': 'train'},
        {'image': 'b.jpg', 'captions': ['a cat'], 'split': 'val'},
    )
    annotations = read_annotations(path, 'image', **split)
    assert [image.file_name for image in annotations.images] == ['b.jpg']
    assert annotations.counts['images of other splits'] == 1
    with pytest.raises(AnnotationError, match=r"splits \['test'\], it has \['train', 'val'\]"):
        read_annotations(path, 'image', splits=['test'])


@pytest.mark.parametrize(
    ('task', 'region'),
    [
        ('region_set', dict(bboxes=((1, 2, 3, 4), (5, 6, 7, 8)))),
        ('trace', dict(points=((0.1, 0.2), (0.3, 1.4)))),
    ],
)
def test_other_regions(tmp_path, task, region):
    content = {key: [list(row) for row in rows] for key, rows in region.items()}
    path = write(tmp_path / 'a.json', {'9': [{'caption': 'a dog', **content}]})
    annotations = read_annotations(path, task)
    assert annotations.source_format == 'simple'
    assert annotations.images[0].regions == (CaptionedRegion(('a dog',), **region),)
    assert annotations.images[0].file_name == '9.jpg'


def test_captions_by_image(tmp_path):
    path = write(tmp_path / 'a.json', {'9': ['a dog', 'the dog'], '10': [{'caption': 'a cat'}]})
    captions = [image.regions[0].captions for image in read_annotations(path, 'image').images]
    assert captions == [('a dog', 'the dog'), ('a cat',)]


def test_image_names(tmp_path):
    path = write(tmp_path / 'a.json', {'9': [{'caption': 'x', 'bbox': [0, 0, 9, 9]}]})
    annotations = read_annotations(path, 'dense', image_names='val/{number:06d}.png')
    assert annotations.images[0].file_name == 'val/000009.png'


@pytest.mark.parametrize(
    ('task', 'entry', 'message'),
    [
        (
            'dense',
            {'regions': [{'caption': 'x', 'bbox': [1, 2, 3]}]},
            r'line 1, region 0.*four numbers',
        ),
        ('dense', {'regions': [{'bbox': [1, 2, 3, 4]}]}, "expected captions under 'captions'"),
        ('trace', {'regions': [REGION]}, "expected the key 'points' for the task 'trace'"),
        ('image', {'regions': [REGION]}, "expected 'captions' for the task 'image'"),
        ('dense', {'captions': ['x']}, "expected 'regions', each with 'bbox'"),
        ('image', {'captions': [5]}, 'expected a text, got 5'),
        ('image', {'captions': ['x'], 'width': 10}, "expected the key 'height'"),
        ('image', {'captions': ['x'], 'width': 0, 'height': 5}, 'pixels above 0, got 0'),
    ],
)
def test_what_is_wrong_is_named(tmp_path, task, entry, message):
    path = write_lines(tmp_path / 'a.jsonl', {'image': 'a.jpg', **entry})
    with pytest.raises(AnnotationError, match=message):
        read_annotations(path, task)


def test_an_image_comes_once(tmp_path):
    line = {'image': 'a.jpg', 'captions': ['a dog']}
    with pytest.raises(AnnotationError, match=r"'a\.jpg' comes twice"):
        read_annotations(write_lines(tmp_path / 'a.jsonl', line, line), 'image')


@pytest.mark.parametrize(
    'text', ['[{"image": ', '{"image": "a", "captions": ["b"]}\n{"ima', '{"a": }']
)
def test_broken_files(tmp_path, text):
    path = tmp_path / 'a.json'
    path.write_text(text)
    with pytest.raises(AnnotationError, match=r'a\.json, line \d: expected JSON'):
        read_annotations(path, 'image')


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ({'a': 1}, "formats visual_genome.* got the keys 'a'"),
        ([{'a': 1}], "a list of objects with the keys 'a'"),
        ([], 'got None'),
        ('text', "got 'text'"),
    ],
)
def test_unknown_files(tmp_path, content, message):
    with pytest.raises(AnnotationError, match=message):
        read_annotations(write(tmp_path / 'a.json', content), 'dense')


def test_unknown_arguments(tmp_path):
    path = write_lines(tmp_path / 'a.jsonl', {'image': 'a.jpg', 'captions': ['a dog']})
    with pytest.raises(AnnotationError, match="'jsonl' has no option 'vg_coco'; it has 'splits'"):
        read_annotations(path, 'image', vg_coco=True)
    with pytest.raises(AnnotationError, match='task: expected one of dense'):
        read_annotations(path, 'caption')
    with pytest.raises(AnnotationError, match="file_format: expected 'auto' or one of"):
        read_annotations(path, 'image', 'json')
    with pytest.raises(AnnotationError, match="'grit' is for the task 'dense', not 'image'"):
        read_annotations(path, 'image', 'grit')


def test_flickr8k(shared_data):
    captions = read_annotations(shared_data / 'flickr8k/captions.jsonl', 'image', splits=['val'])
    assert len(captions.images) == 961
    assert captions.counts['images of other splits'] == 5692
    regions = read_annotations(shared_data / 'flickr8k/regions_dev.jsonl', 'dense')
    assert len(regions.images) == 104
    assert sum(len(image.regions) for image in regions.images) == 540
