"""Captions of whole images: COCO's files, lists of images, Karpathy's file."""

from __future__ import annotations

import json
import zipfile
from importlib.util import find_spec

import pytest

from mmpatchioner.datasets.annotations import AnnotationError, read_annotations

IMAGES = [
    {'id': 7, 'file_name': 'COCO_val2014_000000000007.jpg', 'width': 8, 'height': 6},
    {'id': 8},
]
CAPTIONS = [
    {'image_id': 7, 'caption': 'A dog. '},
    {'image_id': 9, 'caption': 'A boat.'},
    {'image_id': 7, 'caption': 'The dog.'},
]
KARPATHY = {
    'images': [
        {
            'cocoid': 1,
            'filepath': 'val2014',
            'filename': 'a.jpg',
            'split': 'test',
            'sentences': [{'raw': 'one'}],
        },
        {'filename': 'b.jpg', 'split': 'train', 'sentences': [{'raw': 'two'}, {'raw': 'three'}]},
    ]
}


def write(path, content):
    path.write_text(json.dumps(content))
    return path


def test_coco(tmp_path):
    content = {'images': IMAGES, 'annotations': [CAPTIONS[0], CAPTIONS[2]]}
    annotations = read_annotations(write(tmp_path / 'a.json', content), 'image')
    (image,) = annotations.images
    assert image.regions[0].captions == ('A dog.', 'The dog.')
    assert (image.image_id, image.file_name, image.width) == ('7', IMAGES[0]['file_name'], 8)
    assert annotations.counts == {'images without annotation left out': 1}


def test_a_list_of_images_needs_captions(tmp_path):
    path = write(tmp_path / 'list.json', {'images': IMAGES[:1]})
    with pytest.raises(AnnotationError, match='option `captions`'):
        read_annotations(path, 'image')
    captions = write(tmp_path / 'captions.json', {'annotations': CAPTIONS})
    annotations = read_annotations(path, 'image', captions=str(captions))
    assert annotations.images[0].regions[0].captions == ('A dog.', 'The dog.')
    with zipfile.ZipFile(tmp_path / 'a.jar', 'w') as archive:
        archive.write(captions, 'inner/captions.json')
    inside = read_annotations(
        path, 'image', captions=str(tmp_path / 'a.jar'), captions_member='inner/captions.json'
    )
    assert inside.images == annotations.images


def test_every_listed_image_has_captions(tmp_path):
    path = write(tmp_path / 'list.json', {'images': IMAGES})
    captions = write(tmp_path / 'captions.json', {'annotations': CAPTIONS})
    with pytest.raises(AnnotationError, match=r"all 2 images .* got none of 1, e\.g\. '8'"):
        read_annotations(path, 'image', captions=str(captions))


def test_karpathy(tmp_path):
    path = write(tmp_path / 'dataset.json', KARPATHY)
    (image,) = read_annotations(path, 'image', split='test').images
    assert (image.image_id, image.file_name) == ('1', 'val2014/a.jpg')
    everything = read_annotations(path, 'image')
    assert everything.source_format == 'karpathy'
    assert everything.images[1].image_id == 'b.jpg'
    assert everything.images[1].regions[0].captions == ('two', 'three')


@pytest.mark.skipif(find_spec('pycocoevalcap') is None, reason='needs pycocoevalcap')
def test_karpathys_test_split(shared_data):
    path = shared_data / 'eval/coco-test.json'
    images = read_annotations(path, 'image', captions='pycocoevalcap').images
    assert len(images) == 5000
    assert images[0].file_name == 'COCO_val2014_000000391895.jpg'
    counts = [len(image.regions[0].captions) for image in images]
    assert (sum(counts), counts.count(5), counts.count(6)) == (25010, 4990, 10)


def test_flickr30k(shared_data):
    images = read_annotations(shared_data / 'eval/flickr30k_test.json', 'image').images
    assert len(images) == 1000
    assert {len(image.regions[0].captions) for image in images} == {5}
    assert (images[0].image_id, images[0].file_name) == ('0', '1007129816.jpg')
