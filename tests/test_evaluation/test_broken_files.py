"""Files with something wrong somewhere: they are read, or refused with a message, and nothing else."""

from __future__ import annotations

import copy
import json

from hypothesis import given
from hypothesis import strategies as st

from mmpatchioner.datasets.annotations import AnnotationError, read_annotations
from mmpatchioner.evaluation.predictions import PredictionError, read_predictions

BOX = [1, 2, 30, 40]
REGION = {'bbox': BOX, 'caption': 'a dog', 'score': 0.5}
COCO_LIKE = {
    'images': [{'id': 7, 'width': 90, 'height': 80}],
    'annotations': [{'image_id': 7, **REGION}],
}
ANNOTATIONS = [
    ('dense', COCO_LIKE),
    ('dense', {**COCO_LIKE, 'annotations': [{'image_id': 7, 'category_id': 1, **REGION}]}),
    ('dense', {'7': [REGION]}),
    ('dense', {'image': 'a.jpg', 'regions': [REGION]}),
    ('image', {'images': [{'id': 7}], 'annotations': [{'image_id': 7, 'caption': 'a dog'}]}),
    ('image', {'images': [{'filename': 'a.jpg', 'sentences': [{'raw': 'a dog'}]}]}),
    ('region_set', {'7': {'a dog': [BOX]}}),
    ('trace', {'7': {'captions': ['a dog'], 'traces': [[{'x': 0.5, 'y': 0.5}]]}}),
]
PREDICTIONS = [
    ('dense', {'7': [REGION]}),
    ('dense', [{'image_id': 7, **REGION}]),
    ('dense', [{'image_id': 7, 'bbox': BOX, 'score': 1, 'object_descriptions': 'a dog'}]),
    ('dense', {'predictions': ['a dog'], 'img_paths': ['7.jpg'], 'bboxes': [BOX]}),
    ('dense', {'image': 'a.jpg', 'regions': [{'kind': 'box', 'caption_score': -1, **REGION}]}),
    ('image', {'7': 'a dog'}),
]
JUNK = st.sampled_from(
    [None, True, -1, 0, 5.5, 1e400, '', 'x', [], {}, [None], [[]], {'a': 1}, [5]]
)


def places(value, path=()):
    """Paths of all values in a value."""
    yield path
    if isinstance(value, (dict, list)):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, key))


@st.composite
def broken(draw, files):
    """A file with another value at one place, or nothing there."""
    task, content = draw(st.sampled_from(files))
    content = copy.deepcopy(content)
    path = draw(st.sampled_from(list(places(content))))
    if not path:
        return task, draw(JUNK)
    parent = content
    for key in path[:-1]:
        parent = parent[key]
    if draw(st.booleans()):
        del parent[path[-1]]
    else:
        parent[path[-1]] = draw(JUNK)
    return task, content


@given(file=broken(ANNOTATIONS))
def test_annotations(tmp_path_factory, file):
    task, content = file
    path = tmp_path_factory.getbasetemp() / 'broken_annotations.json'
    path.write_text(json.dumps(content))
    try:
        read_annotations(path, task)
    except AnnotationError as error:
        assert str(error)


@given(file=broken(PREDICTIONS))
def test_predictions(tmp_path_factory, file):
    task, content = file
    path = tmp_path_factory.getbasetemp() / 'broken_predictions.json'
    path.write_text(json.dumps(content))
    try:
        read_predictions(path, task)
    except PredictionError as error:
        assert str(error)
