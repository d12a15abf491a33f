"""Files of rows: written batch by batch, gone on with, never mixed."""

import json

import pytest

from mmpatchioner.evaluation.row_file import RowFile, RowFileError, read_rows


def make_rows(count, start=0):
    return [
        {
            'image_id': str(index),
            'predictions': [{'caption': f'hüpfender hund {index}', 'score': 0.1 * index}],
            'ground_truth': [{'captions': ['a dog']}],
        }
        for index in range(start, start + count)
    ]


def whole(path, rows, batch_size=2, **options):
    file = RowFile(path, 'image', 'abc', batch_size, **options)
    left = rows[len(file.rows) :]
    for start in range(0, len(left), batch_size):
        file.append(left[start : start + batch_size])
    file.finish([*file.rows, *left])
    return path.read_bytes()


def test_a_finished_file_is_alone_and_reads_back(tmp_path):
    rows = make_rows(5)
    whole(tmp_path / 'out' / 'rows.jsonl', rows)
    assert [p.name for p in (tmp_path / 'out').iterdir()] == ['rows.jsonl']
    header, read = read_rows(tmp_path / 'out' / 'rows.jsonl')
    assert header == {'task': 'image', 'config': 'abc'}
    assert read == rows


@pytest.mark.parametrize('batches', [0, 1, 2])
@pytest.mark.parametrize('torn', [b'', b'{"image_id": "9', b'{"image_id": "4"}\n'])
def test_a_stopped_evaluation_goes_on_to_the_same_bytes(tmp_path, batches, torn):
    rows = make_rows(5)
    expected = whole(tmp_path / 'whole.jsonl', rows)
    path = tmp_path / 'rows.jsonl'
    stopped = RowFile(path, 'image', 'abc', 2)
    for start in range(0, 2 * batches, 2):
        stopped.append(rows[start : start + 2])
    part = next(tmp_path.glob('rows.jsonl.part-*'))
    part.write_bytes(part.read_bytes() + torn)  # a batch of which only a part was written
    assert not path.exists()
    resumed = RowFile(path, 'image', 'abc', 2, resume=True)
    assert resumed.rows == rows[: 2 * batches]
    assert whole(path, rows, resume=True) == expected
    assert not list(tmp_path.glob('*.part-*'))


def test_a_finished_evaluation_is_not_done_again(tmp_path):
    rows = make_rows(3)
    path = tmp_path / 'rows.jsonl'
    expected = whole(path, rows)
    again = RowFile(path, 'image', 'abc', 2, resume=True)
    assert again.complete
    assert again.rows == rows
    again.finish(again.rows)
    assert path.read_bytes() == expected


def test_rows_left_behind_are_neither_overwritten_nor_mixed(tmp_path):
    path = tmp_path / 'rows.jsonl'
    RowFile(path, 'image', 'abc', 2).append(make_rows(2))
    with pytest.raises(RowFileError, match='--resume-eval, or delete it'):
        RowFile(path, 'image', 'abc', 2)
    with pytest.raises(RowFileError, match=r'its config differs.*another config'):
        RowFile(path, 'image', 'xyz', 2, resume=True)
    with pytest.raises(RowFileError, match='another number of processes'):
        RowFile(path, 'image', 'abc', 2, resume=True, world_size=2)
    assert len(RowFile(path, 'image', 'abc', 2, resume=True).rows) == 2


def test_a_finished_file_of_another_config_is_refused(tmp_path):
    path = tmp_path / 'rows.jsonl'
    before = whole(path, make_rows(2))
    with pytest.raises(RowFileError, match='Name another file with --out'):
        RowFile(path, 'trace', 'abc', resume=True)
    assert path.read_bytes() == before


@pytest.mark.parametrize('count', [4, 5])
def test_processes_share_finished_rows_evenly(tmp_path, count):
    rows = make_rows(count)
    whole(tmp_path / 'rows.jsonl', rows)
    shares = [
        RowFile(tmp_path / 'rows.jsonl', 'image', 'abc', resume=True, rank=rank, world_size=2).rows
        for rank in range(2)
    ]
    assert len(shares[0]) == len(shares[1])
    interleaved = [row for pair in zip(*shares, strict=True) for row in pair]
    assert interleaved[:count] == rows


def test_a_file_of_something_else_is_named(tmp_path):
    path = tmp_path / 'rows.jsonl'
    path.write_text('{"a": 1}\n')
    with pytest.raises(RowFileError, match='expected a first line'):
        read_rows(path)
    path.write_text(json.dumps({'mmpatchioner': {}}) + '\n{"image_id"\n')
    with pytest.raises(RowFileError, match='line 2: expected JSON'):
        read_rows(path)


def test_no_row_with_a_number_that_is_none_is_written(tmp_path):
    file = RowFile(tmp_path / 'rows.jsonl', 'image', 'abc')
    with pytest.raises(ValueError, match='JSON'):
        file.append([{'image_id': '1', 'predictions': [{'caption': 'a', 'score': float('nan')}]}])
    assert RowFile(tmp_path / 'rows.jsonl', 'image', 'abc', resume=True).rows == []
