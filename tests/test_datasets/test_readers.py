from __future__ import annotations

import json
import zipfile

import pytest

from mmpatchioner.datasets.readers import read_texts, resolve_path

COCO = {
    'images': [{'id': 7}],
    'annotations': [{'image_id': 7, 'caption': ' a dog '}, {'image_id': 8, 'caption': 'a cat'}],
}
KARPATHY = {
    'images': [
        {'cocoid': 1, 'split': 'train', 'sentences': [{'raw': 'one'}, {'raw': 'two'}]},
        {'filename': 'b.jpg', 'split': 'test', 'sentences': [{'raw': 'three'}]},
    ]
}


def test_lines(tmp_path):
    path = tmp_path / 'a.txt'
    path.write_text('a dog\n\n  a cat \n')
    assert list(read_texts(str(path))) == [(None, 'a dog'), (None, 'a cat')]


@pytest.mark.parametrize(
    ('arguments', 'expected'),
    [
        (dict(column=1), ['text', 'a dog', 'a cat']),
        (dict(column='text'), ['a dog', 'a cat']),
        (dict(column='text', rows={'source': ['x']}), ['a dog']),
        (dict(column=1, rows={'0': ['y']}), ['a cat']),
    ],
)
def test_columns(tmp_path, arguments, expected):
    path = tmp_path / 'a.tsv'
    path.write_text('source\ttext\nx\ta dog\ny\ta cat\n')
    assert [text for _, text in read_texts(str(path), **arguments)] == expected


def test_column_errors(tmp_path):
    path = tmp_path / 'a.tsv'
    path.write_text('source\ttext\nx\n')
    with pytest.raises(ValueError, match='line 2: expected at least 2 columns, got 1'):
        list(read_texts(str(path), column='text'))
    with pytest.raises(ValueError, match="'caption' is not in the header"):
        list(read_texts(str(path), column='caption'))


def test_coco_captions(tmp_path):
    path = tmp_path / 'a.json'
    path.write_text(json.dumps(COCO))
    assert list(read_texts(str(path))) == [('7', 'a dog'), ('8', 'a cat')]


def test_karpathy_splits(tmp_path):
    path = tmp_path / 'a.json'
    path.write_text(json.dumps(KARPATHY))
    assert list(read_texts(str(path), splits=['train'])) == [('1', 'one'), ('1', 'two')]
    assert list(read_texts(str(path)))[-1] == ('b.jpg', 'three')


def test_json_list_and_unknown_json(tmp_path):
    path = tmp_path / 'a.json'
    path.write_text('["one", "two"]')
    assert [text for _, text in read_texts(str(path))] == ['one', 'two']
    for content, message in (('{"a": 1}', 'COCO captions'), ('{', 'expected JSON')):
        path.write_text(content)
        with pytest.raises(ValueError, match=message):
            list(read_texts(str(path)))


def test_json_lines(tmp_path):
    path = tmp_path / 'a.jsonl'
    path.write_text(
        '{"image": "a.jpg", "split": "train", "captions": ["one", "two"]}\n\n'
        '{"image": "b.jpg", "split": "val", "caption": "three"}\n'
    )
    assert list(read_texts(str(path), splits=['val'])) == [('b.jpg', 'three')]
    assert len(list(read_texts(str(path)))) == 3
    path.write_text('{"text": "one"}')
    with pytest.raises(ValueError, match="line 1: expected the key 'captions'"):
        list(read_texts(str(path)))


def test_member_of_an_archive(tmp_path):
    path = tmp_path / 'a.jar'
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('inner/captions.json', json.dumps(COCO))
    assert len(list(read_texts(str(path), member='inner/captions.json'))) == 2
    with pytest.raises(FileNotFoundError, match='no member'):
        list(read_texts(str(path), member='other.json'))
    plain = tmp_path / 'a.json'
    plain.write_text('[]')
    with pytest.raises(ValueError, match='zip or jar'):
        list(read_texts(str(plain), member='a.json'))


def test_file_inside_a_package():
    assert resolve_path('package://mmpatchioner/version.py').name == 'version.py'
    with pytest.raises(FileNotFoundError, match='pip install no_such_package'):
        resolve_path('package://no_such_package/a.txt')


def test_missing_file_and_unknown_format(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'a\.txt'):
        list(read_texts(str(tmp_path / 'a.txt')))
    with pytest.raises(ValueError, match='file_format'):
        list(read_texts(str(tmp_path / 'a.csv')))
