"""Visual Genome: its own files, ControlCap's and GRiT's, which look like COCO's and are not alike."""

from __future__ import annotations

import json

import pytest

from mmpatchioner.datasets.annotations import AnnotationError, read_annotations


def region(x, y, width, height, phrase, **more):
    return {'x': x, 'y': y, 'width': width, 'height': height, 'phrase': phrase, **more}


DESCRIPTIONS = [
    {
        'id': 1,
        'regions': [
            region(421, 57, 82, 139, "The clock isn't green. "),
            region(-5, 0, 900, 20, 'two-story caf\u00e9'),
            region(10, 10, 5, 5, ''),
            region(10, 10, 5, 5, ' '.join('abcdefghijklmnop')),
            region(799, 10, 0, 5, 'thin'),
        ],
    },
    {'id': 2, 'regions': []},
    {'id': 3, 'regions': [region(1, 1, 5, 5, 'a dog')]},
    {'id': 4, 'regions': [region(1, 1, 5, 5, 'a cat')]},
]
IMAGES = [
    {'image_id': 1, 'width': 800, 'height': 600, 'coco_id': None, 'url': 'x/VG_100K_2/1.jpg'},
    {'image_id': 2, 'width': 800, 'height': 600, 'coco_id': 8, 'url': 'x/VG_100K/2.jpg'},
    {'image_id': 3, 'width': 100, 'height': 90, 'coco_id': 9, 'url': 'x/VG_100K/3.jpg'},
    {'image_id': 4, 'width': 100, 'height': 90, 'coco_id': 9, 'url': 'x/VG_100K/4.jpg'},
]
SPLITS = {'test': [1, 2, 3], 'train': [4, 1]}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / 'region_descriptions.json').write_text(json.dumps(DESCRIPTIONS))
    (tmp_path / 'image_data.json').write_text(json.dumps(IMAGES))
    (tmp_path / 'densecap_splits.json').write_text(json.dumps(SPLITS))
    return tmp_path


def read(folder, **options):
    return read_annotations(folder / 'region_descriptions.json', 'dense', **options)


def texts(annotations):
    return {
        image.image_id: [region.captions[0] for region in image.regions]
        for image in annotations.images
    }


def test_the_test_split_keeps_what_can_not_be_found(folder):
    annotations = read(folder, split='test')
    assert annotations.source_format == 'visual_genome'
    assert texts(annotations) == {
        '1': ['the clock isnt green', 'twostory cafe', '', 'thin'],
        '3': ['a dog'],
    }
    first = annotations.images[0]
    assert [region.bbox for region in first.regions] == [
        (421, 57, 503, 196),
        (1, 1, 800, 20),
        (10, 10, 15, 15),
        (799, 10, 799, 15),
    ]
    assert (first.file_name, first.width, first.height) == ('1.jpg', 800, 600)
    assert annotations.counts == {
        'images of other splits': 1,
        'images without annotation left out': 1,
        'captions of more than 15 words dropped': 1,
        'boxes clamped to the image': 1,
        'empty captions': 1,
        'boxes without area': 1,
    }


def test_the_train_split_is_cleaned(folder):
    annotations = read(folder, split='train')
    assert texts(annotations) == {'1': ['the clock isnt green', 'twostory cafe'], '4': ['a cat']}
    assert annotations.counts['empty captions dropped'] == 1
    assert annotations.counts['boxes without area dropped'] == 1


def test_vg_coco_and_folders(folder):
    annotations = read(folder, split='test', vg_coco=True, image_names='{folder}/{id}.jpg')
    assert [image.file_name for image in annotations.images] == ['VG_100K/3.jpg']
    assert annotations.counts['images that are not of COCO'] == 1


def test_the_first_version_has_other_keys(folder):
    old = [
        {('id' if key == 'image_id' else key): value for key, value in image.items()}
        for image in IMAGES
    ]
    (folder / 'image_data.json').write_text(json.dumps(old))
    assert len(read(folder).images) == 3


def test_raw_keeps_everything(folder):
    regions = read(folder, raw=True).images[0].regions
    assert [region.captions[0] for region in regions][:2] == [
        "The clock isn't green.",
        'two-story caf\u00e9',
    ]
    assert regions[1].bbox == (-5, 0, 895, 20)
    assert len(regions) == 5


def test_files_beside_it_are_needed(folder):
    with pytest.raises(AnnotationError, match="expected the split 'dev', got 'test', 'train'"):
        read(folder, split='dev')
    (folder / 'image_data.json').rename(folder / 'sizes.json')
    with pytest.raises(
        FileNotFoundError, match=r'expected image_data\.json beside it.*`image_data`'
    ):
        read(folder)
    assert len(read(folder, image_data=folder / 'sizes.json').images) == 3


def test_the_published_splits(shared_data, folder):
    splits = json.loads((shared_data / 'eval/densecap_splits.json').read_text())
    assert {name: len(ids) for name, ids in splits.items()} == {
        'train': 77398,
        'val': 5000,
        'test': 5000,
    }
    ids = splits['test'][:2]
    descriptions = [
        {'id': i, 'regions': DESCRIPTIONS[0]['regions']} for i in [*ids, splits['val'][0]]
    ]
    images = [{'image_id': entry['id'], 'width': 800, 'height': 600} for entry in descriptions]
    (folder / 'region_descriptions.json').write_text(json.dumps(descriptions))
    (folder / 'image_data.json').write_text(json.dumps(images))
    annotations = read(folder, split='test', splits_file=shared_data / 'eval/densecap_splits.json')
    assert [image.image_id for image in annotations.images] == [str(i) for i in ids]


def coco_like(boxes, **more):
    return {
        'images': [{'id': 5, 'file_name': '5.jpg', 'width': 100, 'height': 80}, {'id': 6}],
        'annotations': [
            {'id': index, 'image_id': 5, 'bbox': box, 'caption': 'a dog', **more}
            for index, box in enumerate(boxes)
        ],
    }


def test_controlcap_has_corners(tmp_path):
    path = tmp_path / 'test.json'
    path.write_text(json.dumps(coco_like([[10, 20, 40, 50], [50, 60, 90, 70]])))
    annotations = read_annotations(path, 'dense')
    assert annotations.source_format == 'controlcap'
    assert [region.bbox for region in annotations.images[0].regions] == [
        (10, 20, 40, 50),
        (50, 60, 90, 70),
    ]
    assert annotations.counts == {'images without annotation left out': 1}


def test_grit_has_sizes(tmp_path):
    path = tmp_path / 'test.json'
    path.write_text(json.dumps(coco_like([[10, 20, 40, 50], [50, 60, 40, 10]], category_id=1)))
    annotations = read_annotations(path, 'dense')
    assert annotations.source_format == 'grit'
    assert [region.bbox for region in annotations.images[0].regions] == [
        (10, 20, 50, 70),
        (50, 60, 90, 70),
    ]


def test_grit_in_the_frame_of_the_original(tmp_path):
    path = tmp_path / 'test.json'
    path.write_text(json.dumps(coco_like([[72, 144, 288, 360]], category_id=1)))
    annotations = read_annotations(path, 'dense', longest_side=720)
    assert annotations.images[0].regions[0].bbox == pytest.approx((10, 20, 50, 70))


def test_annotations_of_no_image(tmp_path):
    content = coco_like([[10, 20, 40, 50]])
    content['annotations'][0]['image_id'] = 7
    path = tmp_path / 'test.json'
    path.write_text(json.dumps(content))
    with pytest.raises(AnnotationError, match=r"annotation 0: expected the id of one .* got '7'"):
        read_annotations(path, 'dense')
