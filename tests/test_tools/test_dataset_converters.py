"""The converters of data sets, each from a small file of the published layout to a dataset that reads it."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from mmpatchioner.datasets.annotations import read_annotations
from tests import commands


def run(tool: str, *arguments: object) -> int:
    """Call the ``main`` of a script as its command line does."""
    return commands.run(f'dataset_converters/{tool}', *arguments)


def write(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.fixture
def visual_genome(tmp_path) -> Path:
    region = dict(region_id=1, image_id=1, x=421, y=57, width=82, height=139)
    write(
        tmp_path / 'region_descriptions.json',
        [
            dict(
                id=1,
                regions=[
                    dict(region, phrase='The clock is green, in colour. '),
                    dict(region, x=-5, width=10_000, phrase=''),
                    dict(region, phrase='a ' * 16),
                ],
            ),
            dict(id=2, regions=[dict(region, image_id=2, phrase='a tree')]),
            dict(id=3, regions=[dict(region, image_id=3, phrase='a car')]),
        ],
    )
    size = dict(width=800, height=600, url='https://x/VG_100K_2/1.jpg')
    write(
        tmp_path / 'image_data.json',
        [dict(image_id=i, coco_id=None if i == 1 else 10 + i, **size) for i in (1, 2, 3)],
    )
    write(tmp_path / 'densecap_splits.json', dict(train=[3], val=[], test=[1, 2]))
    return tmp_path


def test_visual_genome_becomes_the_published_ground_truth(visual_genome, capsys):
    out = visual_genome / 'out' / 'test.json'
    assert run('visual_genome', visual_genome / 'region_descriptions.json', out) == 0
    content = json.loads(out.read_text())
    assert [image['file_name'] for image in content['images']] == ['1.jpg', '2.jpg']
    assert [(a['id'], a['image_id'], a['caption'], a['bbox']) for a in content['annotations']] == [
        (1, 1, 'the clock is green in colour', [421, 57, 503, 196]),
        (2, 1, '', [1, 57, 800, 196]),
        (3, 2, 'a tree', [421, 57, 503, 196]),
    ]
    assert '2 images, 3 regions' in capsys.readouterr().out
    read = read_annotations(out, 'dense')
    assert read.source_format == 'controlcap'
    assert read.images[0].regions[0].bbox == (421, 57, 503, 196)


def test_vg_coco_keeps_the_photos_of_coco(visual_genome):
    out = visual_genome / 'vgcoco.json'
    assert run('visual_genome', visual_genome / 'region_descriptions.json', out, '--coco-only') == 0
    assert [image['id'] for image in json.loads(out.read_text())['images']] == [2]


def test_a_cut_off_visual_genome_leaves_no_file(visual_genome, capsys):
    regions = visual_genome / 'region_descriptions.json'
    regions.write_text(regions.read_text()[:-40])
    out = visual_genome / 'test.json'
    assert run('visual_genome', regions, out) == 2
    assert capsys.readouterr().err.startswith('visual_genome.py: error: ')
    assert not out.exists()
    (visual_genome / 'image_data.json').unlink()
    assert run('visual_genome', regions, out) == 2
    assert 'expected image_data.json beside it' in capsys.readouterr().err


@pytest.fixture
def karpathy(tmp_path) -> tuple[Path, Path]:
    """A list of two images, and captions of three."""
    images = [dict(id=i, file_name=f'COCO_val2014_{i:012d}.jpg', width=4, height=3) for i in (9, 7)]
    captions = [
        dict(id=50 + n, image_id=i, caption=f'caption {n} of {i}')
        for n, i in enumerate((7, 8, 9, 7))
    ]
    return (
        write(tmp_path / 'list.json', dict(images=images)),
        write(
            tmp_path / 'captions.json',
            dict(images=[*images, dict(id=8, file_name='8.jpg')], annotations=captions),
        ),
    )


def test_listed_images_of_coco_get_their_captions(karpathy, tmp_path):
    images, captions = karpathy
    out = tmp_path / 'test.json'
    assert run('coco_karpathy', images, out, '--captions', captions) == 0
    read = read_annotations(out, 'image')
    assert [(image.image_id, image.regions[0].captions) for image in read.images] == [
        ('9', ('caption 2 of 9',)),
        ('7', ('caption 0 of 7', 'caption 3 of 7')),
    ]
    assert read.images[0].file_name == 'COCO_val2014_000000000009.jpg'


def test_listed_images_without_caption_are_told(karpathy, tmp_path, capsys):
    images, captions = karpathy
    content = json.loads(captions.read_text())
    content['annotations'].pop(2)
    write(captions, content)
    assert run('coco_karpathy', images, tmp_path / 'x.json', '--captions', captions) == 2
    assert '9' in capsys.readouterr().err
    assert not (tmp_path / 'x.json').exists()


def test_the_captions_of_the_real_list_are_in_a_python_package(shared_data, tmp_path):
    pytest.importorskip('pycocoevalcap')
    out = tmp_path / 'test.json'
    assert run('coco_karpathy', shared_data / 'eval' / 'coco-test.json', out) == 0
    content = json.loads(out.read_text())
    assert (len(content['images']), len(content['annotations'])) == (5000, 25_010)


@pytest.fixture
def tokens(tmp_path) -> Path:
    return write(
        tmp_path / 'Flickr8k.token.txt',
        'a.jpg#0\tA dog runs .\na.jpg#1\tTwo dogs .\nb.jpg#0\tA tab\tinside\nc.jpg.1#0\tA stray\n',
    )


def test_token_files_become_lines_of_the_listed_images(tokens, tmp_path, capsys):
    train, test = write(tmp_path / 'train.txt', 'b.jpg\n'), write(tmp_path / 'test.txt', 'a.jpg\n')
    out = tmp_path / 'captions.jsonl'
    splits = ['--split', f'train={train}', '--split', f'test={test}']
    assert run('token_files', tokens, out, *splits) == 0
    assert [json.loads(line) for line in out.read_text().splitlines()] == [
        dict(image='a.jpg', split='test', captions=['A dog runs .', 'Two dogs .']),
        dict(image='b.jpg', split='train', captions=['A tab\tinside']),
    ]
    assert '2 images; left out, on no list: 1' in capsys.readouterr().out
    read = read_annotations(out, 'image', splits=['test'])
    assert [image.file_name for image in read.images] == ['a.jpg']


def test_without_splits_all_images_of_a_token_file_are_written(tokens, tmp_path):
    out = tmp_path / 'captions.jsonl'
    assert run('token_files', tokens, out) == 0
    assert len(out.read_text().splitlines()) == 3


@pytest.mark.parametrize(
    ('content', 'lists', 'message'),
    [
        ('a.jpg A dog\n', {}, 'line 1: expected name.jpg#0<TAB>caption'),
        ('\n', {}, 'expected captions, it has none'),
        ('a.jpg#0\tx\n', {'test': 'a.jpg\nz.jpg'}, '1 of 2 listed images have no caption'),
        ('a.jpg#0\tx\n', {'test': 'a.jpg', 'val': 'a.jpg'}, "in the split 'test' already"),
    ],
)
def test_unfit_token_files_are_refused(tmp_path, capsys, content, lists, message):
    tokens = write(tmp_path / 'tokens.txt', content)
    options = []
    for name, text in lists.items():
        options += ['--split', f'{name}={write(tmp_path / f"{name}.txt", text)}']
    assert run('token_files', tokens, tmp_path / 'out.jsonl', *options) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / 'out.jsonl').exists()


@pytest.fixture
def boxes(tmp_path) -> Path:
    regions = [
        {'bbox': [10, 10, 30, 20], 'phrases': ['a cat', 'the cat']},
        {'bbox': [0, 0, 40, 30], 'phrases': ['a room']},
        {'bbox': [50, 5, 60, 9], 'phrases': ['outside']},
    ]
    Image.new('RGB', (40, 30)).save(tmp_path / 'a.jpg')
    return write(tmp_path / 'boxes.jsonl', {'image': 'a.jpg', 'regions': regions})


def test_synthesised_traces_fill_their_boxes_and_come_out_the_same_again(boxes, tmp_path, capsys):
    first, second = tmp_path / 'one.jsonl', tmp_path / 'two.jsonl'
    assert run('synthesise_traces', boxes, first, '--images', tmp_path, '--points', 8) == 0
    assert run('synthesise_traces', boxes, second, '--images', tmp_path, '--points', 8) == 0
    assert first.read_bytes() == second.read_bytes()
    assert 'boxes without an area in the image: 1' in capsys.readouterr().out
    regions = read_annotations(first, 'trace').images[0].regions
    assert [region.captions for region in regions] == [('a cat', 'the cat'), ('a room',)]
    xs, ys = zip(*regions[0].points, strict=True)
    assert len(xs) == 40
    assert (10 / 40 < min(xs) < 12 / 40) and (28 / 40 < max(xs) < 30 / 40)
    assert sum(xs) / 40 == pytest.approx(20 / 40)
    assert sum(ys) / 40 == pytest.approx(15 / 30)


def test_the_size_of_an_image_is_needed_for_a_trace(boxes, tmp_path, capsys):
    assert run('synthesise_traces', boxes, tmp_path / 'out.jsonl') == 2
    assert 'name the folder of the images with --images' in capsys.readouterr().err


def test_the_boxes_of_a_photo_become_a_set_with_its_captions(boxes, tmp_path, capsys):
    lines = [dict(image=name, captions=['one', 'two']) for name in ('b.jpg', 'a.jpg')]
    captions = write(tmp_path / 'captions.jsonl', '\n'.join(map(json.dumps, lines)))
    out = tmp_path / 'sets.jsonl'
    assert run('join_boxes', boxes, captions, out) == 0
    (image,) = read_annotations(out, 'region_set').images
    assert image.file_name == 'a.jpg'
    assert image.regions[0].captions == ('one', 'two')
    assert len(image.regions[0].bboxes) == 3
    other = write(tmp_path / 'other.jsonl', lines[0])
    assert run('join_boxes', boxes, other, tmp_path / 'none.jsonl') == 2
    assert 'no image has boxes in the one and captions in the other' in capsys.readouterr().err


def test_boxes_of_coco_are_captioned_by_their_classes(tmp_path, capsys):
    annotation = dict(image_id=7, category_id=2, bbox=[1, 2, 10, 20], iscrowd=0)
    content = dict(
        images=[dict(id=i, file_name=f'{i}.jpg', width=40, height=30) for i in (7, 8)],
        annotations=[annotation, dict(annotation, iscrowd=1)],
        categories=[dict(id=2, name='traffic light')],
    )
    out = tmp_path / 'out.jsonl'
    assert run('coco_instances', write(tmp_path / 'instances.json', content), out) == 0
    (image,) = read_annotations(out, 'dense').images
    assert image.image_id == '7'
    assert [(r.captions, r.bbox) for r in image.regions] == [
        (('traffic light',), (1.0, 2.0, 11.0, 22.0))
    ]
    del content['categories']
    assert run('coco_instances', write(tmp_path / 'instances.json', content), out) == 2
    assert "expected the key 'categories'" in capsys.readouterr().err


@pytest.mark.parametrize(
    'tool', sorted(path.stem for path in (commands.TOOLS / 'dataset_converters').glob('*.py'))
)
def test_every_converter_explains_itself(tool, capsys):
    with pytest.raises(SystemExit) as stop:
        run(tool, '--help')
    assert stop.value.code == 0
    assert 'usage:' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('tool', 'inputs'),
    [
        ('visual_genome', 1),
        ('coco_karpathy', 1),
        ('token_files', 1),
        ('synthesise_traces', 1),
        ('join_boxes', 2),
        ('coco_instances', 1),
    ],
)
def test_a_missing_or_strange_file_ends_with_status_2_and_one_line(tool, inputs, tmp_path, capsys):
    out = tmp_path / 'out'
    strange = io.BytesIO()
    with zipfile.ZipFile(strange, 'w') as archive:
        archive.writestr('a', 'b')
    (tmp_path / 'strange').write_bytes(strange.getvalue() + bytes(range(128, 256)))
    for name in ('missing', 'strange'):
        assert run(tool, *[tmp_path / name] * inputs, out) == 2
        error = capsys.readouterr().err
        assert error.startswith(f'{tool}.py: error: ')
        assert name in error
        assert len(error.splitlines()) == 1
    assert not out.exists()
