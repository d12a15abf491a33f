"""Prediction files of ours and of others, and how they find their annotations."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mmpatchioner.datasets.annotations import AnnotatedImage, Annotations, CaptionedRegion
from mmpatchioner.datasets.annotations.boxes import BoxFormatError
from mmpatchioner.evaluation.functional.densecap_lua_data import lua_ground_truth
from mmpatchioner.evaluation.functional.rows import check_rows
from mmpatchioner.evaluation.predictions import PredictionError, join_rows, read_predictions
from mmpatchioner.evaluation.predictions.image_index import ImageIndex
from mmpatchioner.evaluation.predictions.lua_frame import to_lua_frame
from mmpatchioner.evaluation.row_file import RowFile

BOXES = [(10.0, 20.0, 40.0, 60.0), (5.0, 5.0, 90.0, 70.0)]


def write(path, content):
    path.write_text(json.dumps(content))
    return path


def annotate(task, *images):
    """Images of (id, regions), of 100 x 80 pixels."""
    return Annotations(
        task,
        'simple',
        tuple(
            AnnotatedImage(name, f'{name}.jpg', tuple(regions), 100, 80) for name, regions in images
        ),
    )


def boxed(*boxes):
    return [CaptionedRegion(('a dog',), bbox=box) for box in boxes]


def found(predictions):
    return [
        (image.image_id, caption.caption, caption.score, caption.bbox)
        for image in predictions.images
        for caption in image.captions
    ]


ENTRY = {'bbox': [10, 20, 40, 60], 'caption': 'a dog', 'score': 0.5}
DENSE = {
    'by_image': {'7': [ENTRY]},
    'flat': [{'image_id': 7, **ENTRY}],
    'results': {
        'image': '7',
        'width': 100,
        'height': 80,
        'regions': [
            {'kind': 'image', 'caption': 'a park', 'caption_score': -2.0},
            {'kind': 'box', 'bbox': [10, 20, 40, 60], 'caption': 'a dog', 'caption_score': 0.5},
        ],
    },
    'official': {
        'predictions': ['<|startoftext|>a dog. '],
        'img_paths': ['7'],
        'bboxes': [[10, 20, 30, 40]],
        'scores': [0.5],
        'config_data': {},
    },
    'grit': [
        {
            'image_id': 7,
            'category_id': 1,
            'bbox': [10, 20, 30, 40],
            'score': 0.5,
            'object_descriptions': 'a dog',
            'logit': -1.0,
        }
    ],
}


@pytest.mark.parametrize('name', DENSE)
def test_boxes_of_every_format(tmp_path, name):
    predictions = read_predictions(write(tmp_path / 'a.json', DENSE[name]), 'dense')
    assert predictions.source_format == name
    assert found(predictions) == [('7', 'a dog', 0.5, (10, 20, 40, 60))]
    assert predictions.longest_side == (720 if name == 'grit' else None)


CAPTIONS = {
    'text': {'7': 'a dog'},
    'texts': {'7': ['a dog']},
    'objects': {'7': [{'caption': 'a dog'}]},
    'flat': [{'image_id': 7, 'caption': 'a dog'}],
    'official': {'predictions': ['a dog'], 'img_paths': ['7'], 'gt_captions': ['x']},
    'results': [{'image': '7', 'regions': [{'kind': 'image', 'caption': 'a dog'}]}],
}


@pytest.mark.parametrize('name', CAPTIONS)
def test_captions_of_every_format(tmp_path, name):
    predictions = read_predictions(write(tmp_path / 'a.json', CAPTIONS[name]), 'image')
    assert found(predictions) == [('7', 'a dog', None, None)]


def test_rows(tmp_path):
    path = tmp_path / 'rows.jsonl'
    row = {
        'image_id': '7',
        'width': None,
        'height': None,
        'predictions': [ENTRY],
        'ground_truth': [],
    }
    RowFile(path, 'dense', 'abc').finish([row])
    assert found(read_predictions(path, 'dense')) == [('7', 'a dog', 0.5, (10, 20, 40, 60))]
    with pytest.raises(PredictionError, match="task 'image', got some of 'dense'"):
        read_predictions(path, 'image')


def test_a_folder_of_results(tmp_path):
    for name in '78':
        write(tmp_path / f'{name}.json', {**DENSE['results'], 'image': name})
    assert [image.image_id for image in read_predictions(tmp_path, 'dense').images] == ['7', '8']


@pytest.mark.parametrize(
    ('mode', 'expected'),
    [('caption', [-0.5, -1e9]), ('detection', [0.9, 0.8]), ('product', [0.9 * np.exp(-0.5), 0.0])],
)
def test_ranking_of_results(tmp_path, mode, expected):
    regions = [
        {
            'kind': 'box',
            'bbox': [0, 0, 9, 9],
            'caption': 'a',
            'caption_score': -0.5,
            'detection_score': 0.9,
        },
        {
            'kind': 'box',
            'bbox': [0, 0, 9, 9],
            'caption': '',
            'caption_score': None,
            'detection_score': 0.8,
        },
    ]
    path = write(tmp_path / 'a.json', {'image': '7', 'regions': regions})
    predictions = read_predictions(path, 'dense', score_mode=mode)
    assert [score for _, _, score, _ in found(predictions)] == pytest.approx(expected)
    assert predictions.counts == {'empty captions': 1}


def test_no_score_at_all_is_a_tie(tmp_path):
    entry = {'bbox': [0, 0, 9, 9], 'caption': 'a'}
    predictions = read_predictions(write(tmp_path / 'a.json', {'7': [entry, entry]}), 'dense')
    assert [score for _, _, score, _ in found(predictions)] == [1.0, 1.0]
    assert sum(predictions.counts.values()) == 2
    with pytest.raises(PredictionError, match='none for 1 of 2'):
        read_predictions(write(tmp_path / 'a.json', {'7': [entry, ENTRY]}), 'dense')


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ({'7': [{'caption': 'a', 'score': 1}]}, "image 7, caption 0: expected the key 'bbox'"),
        ({'7': [{**ENTRY, 'score': 'high'}]}, "'score': expected a finite number, got 'high'"),
        ({'7': [{**ENTRY, 'score': float('nan')}]}, 'expected a finite number, got nan'),
        ({'7': [{**ENTRY, 'caption': None}]}, "'caption': expected a text, got None"),
        ({'7': 5}, "in one of the formats .* got the keys '7'"),
        ([5], 'got 5'),
        (
            {**DENSE['official'], 'img_paths': []},
            "'img_paths' as long as 'predictions', got 0 and 1",
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path, content, message):
    with pytest.raises(PredictionError, match=rf'(?s)a\.json.*{message}'):
        read_predictions(write(tmp_path / 'a.json', content), 'dense')


def test_formats_have_tasks(tmp_path):
    path = write(tmp_path / 'a.json', DENSE['grit'])
    with pytest.raises(PredictionError, match="'grit' is for the task 'dense', not 'image'"):
        read_predictions(path, 'image')
    with pytest.raises(PredictionError, match="file_format: expected 'auto' or one of"):
        read_predictions(path, 'dense', 'coco')
    with pytest.raises(PredictionError, match='score_mode: expected one of caption'):
        read_predictions(write(tmp_path / 'b.json', DENSE['results']), 'dense', score_mode='best')


@pytest.mark.parametrize(
    ('name', 'position'),
    [
        ('391895', 0),
        ('000000391895', 0),
        ('/data/val2017/000000391895.jpg', 0),
        ('COCO_val2014_000000391895', 0),
        ('1007129816.jpg', 1),
        ('5', 1),
        ('1007129816', 1),
        ('photo.png', 2),
        ('photo', 2),
        ('6', None),
    ],
)
def test_images_by_any_name(name, position):
    images = [
        AnnotatedImage('391895', 'COCO_val2014_000000391895.jpg', ()),
        AnnotatedImage('5', '1007129816.jpg', ()),
        AnnotatedImage('photo.png', 'photo.png', ()),
    ]
    assert ImageIndex(images).find(name) == position


def test_names_that_mean_two_images():
    index = ImageIndex(
        [AnnotatedImage(f'{folder}/1.jpg', f'{folder}/1.jpg', ()) for folder in 'ab']
    )
    assert (index.find('1'), index.find('b/1.jpg')) == (None, 1)


def dense(tmp_path, content, *images, **options):
    predictions = read_predictions(write(tmp_path / 'a.json', content), 'dense')
    rows = join_rows('dense', predictions, annotate('dense', *images), **options)
    check_rows('dense', rows)
    return rows


def test_rows_are_in_the_order_of_the_annotations(tmp_path):
    content = {'8': [ENTRY], '7': [ENTRY, ENTRY]}
    rows = dense(tmp_path, content, ('7', boxed(*BOXES)), ('9', boxed(BOXES[0])), ('8', []))
    assert [(row['image_id'], len(row['predictions'])) for row in rows] == [
        ('7', 2),
        ('9', 0),
        ('8', 1),
    ]
    assert rows[0]['ground_truth'][1] == {'captions': ['a dog'], 'bbox': [5, 5, 90, 70]}
    assert (rows[0]['width'], rows[0]['height'], rows[0]['file_name']) == (100, 80, '7.jpg')


def test_boxes_of_grit_come_back_to_the_image(tmp_path):
    entry = {**DENSE['grit'][0], 'bbox': [72, 144, 216, 288]}
    (row,) = dense(tmp_path, [entry], ('7', boxed(BOXES[0])))
    assert row['predictions'][0]['bbox'] == pytest.approx([10, 20, 40, 60])
    without_size = Annotations('dense', 'simple', (AnnotatedImage('7', '7.jpg', ()),))
    with pytest.raises(PredictionError, match='do not tell the size of image 7'):
        join_rows('dense', read_predictions(tmp_path / 'a.json', 'dense'), without_size)


def test_unknown_and_double_images(tmp_path):
    with pytest.raises(PredictionError, match='which are 7, got 8, 9 that are not'):
        dense(tmp_path, {'8': [], '9': []}, ('7', []))
    with pytest.raises(PredictionError, match=r"'7\.jpg' and '7' are both image '7'"):
        dense(tmp_path, {'7': [], '7.jpg': []}, ('7', []))


def test_other_tasks_need_all_captions(tmp_path):
    annotations = annotate(
        'region_set',
        ('7', [CaptionedRegion(('a',), bboxes=tuple(BOXES)), CaptionedRegion(('b',), bboxes=())]),
        ('8', [CaptionedRegion(('c',), bboxes=())]),
    )

    def join(content, **options):
        predictions = read_predictions(write(tmp_path / 'a.json', content), 'region_set')
        return join_rows('region_set', predictions, annotations, **options)

    rows = join({'8': 'z', '7': ['x', 'y']})
    check_rows('region_set', rows)
    assert [[region['caption'] for region in row['predictions']] for row in rows] == [
        ['x', 'y'],
        ['z'],
    ]
    assert rows[0]['predictions'][0]['bboxes'] == rows[0]['ground_truth'][0]['bboxes']
    with pytest.raises(PredictionError, match='image 7: expected 2 captions, .* got 1'):
        join({'7': ['x'], '8': ['z']})
    with pytest.raises(PredictionError, match='all 2 images, got none for 8; --allow-missing'):
        join({'7': ['x', 'y']})
    assert len(join({'7': ['x', 'y']}, allow_missing=True)) == 1


WIDTH, HEIGHT = 2000, 1600
MISTAKES = {
    'x, y, width, height': lambda boxes: np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]]),
    'longest side is 720': lambda boxes: boxes * 720 / WIDTH,
    'thousandths': lambda boxes: boxes * 1000 / np.tile([WIDTH, HEIGHT], 2),
}


@pytest.mark.parametrize('hint', MISTAKES)
@pytest.mark.parametrize('file', ['predictions', 'annotations'])
def test_boxes_that_fit_the_others_when_read_otherwise(tmp_path, hint, file):
    """All of them lie in their images, so that only what they meet tells that they are wrong."""
    rng = np.random.default_rng(0)
    first = rng.random((30, 2)) * [600, 400]
    right = np.hstack([first, 2 * first + 20 + rng.random((30, 2)) * [700, 700]])
    wrong = MISTAKES[hint](right)
    predicted, truth = (wrong, right) if file == 'predictions' else (right, wrong)
    predicted = (predicted + rng.normal(0, 2, (30, 4))).tolist()
    content = {str(i): [{**ENTRY, 'bbox': box}] for i, box in enumerate(predicted)}
    predictions = read_predictions(write(tmp_path / 'a.json', content), 'dense')
    images = [
        AnnotatedImage(str(i), f'{i}.jpg', tuple(boxed(box)), WIDTH, HEIGHT)
        for i, box in enumerate(truth.tolist())
    ]
    annotations = Annotations('dense', 'simple', tuple(images))
    with pytest.raises(BoxFormatError, match=hint):
        join_rows('dense', predictions, annotations)
    assert len(join_rows('dense', predictions, annotations, check_boxes=False)) == 30


def test_few_boxes_may_be_anywhere(tmp_path):
    entries = [{**ENTRY, 'bbox': [0, 0, 1000, 800]}, {**ENTRY, 'bbox': [300, 300, 340, 340]}]
    image = AnnotatedImage('7', '7.jpg', tuple(boxed((0, 0, 100, 80))))
    predictions = read_predictions(write(tmp_path / 'a.json', {'7': entries}), 'dense')
    assert len(join_rows('dense', predictions, Annotations('dense', 'simple', (image,)))) == 1


def test_the_frame_of_the_original(tmp_path):
    raw = boxed((21.0, 30.0, 61.0, 70.0))
    (row,) = to_lua_frame(dense(tmp_path, {'7': [ENTRY]}, ('7', raw)))
    expected, _ = lua_ground_truth([[21, 30, 40, 40]], ['a dog'], 80, 100)
    assert row['ground_truth'][0]['bbox'] == expected[0].tolist()
    assert row['predictions'][0]['bbox'] == pytest.approx([72.5, 144.5, 287.5, 431.5])
