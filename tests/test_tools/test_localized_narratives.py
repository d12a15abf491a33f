"""Localized Narratives to trace captioning by its command, from files of the published layout."""

from __future__ import annotations

import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from mmpatchioner.datasets.annotations import read_annotations
from tests.commands import load_tool
from tests.test_datasets.test_localized_narratives.spoken import CAPTION, record, write

tool = load_tool('dataset_converters/localized_narratives')


def run(*arguments: object) -> int:
    return tool.main([str(argument) for argument in arguments])


@pytest.fixture
def narratives(tmp_path):
    return write(
        tmp_path / 'coco_val_localized_narratives.jsonl',
        [
            record(CAPTION, '137576'),
            record('On the table there is a cup. The photo is edited.', '42'),
            record('I think this is a cat.', '137576'),
            record('This image is edited.', '7'),
        ],
    )


def captions(path):
    return {
        image.image_id: [region.captions for region in image.regions]
        for image in read_annotations(str(path), 'trace').images
    }


def test_conversion(narratives, tmp_path, capsys):
    out = tmp_path / 'traces.json'
    assert run(narratives, '--out', out) == 0
    assert captions(out) == {
        '137576': [
            ('A group of cows standing and eating the grass.',),
            ('Trees.',),
            ('A cat.',),
        ],
        '42': [('A cup on the table.',)],
    }
    report = ' '.join(capsys.readouterr().out.split())
    for line in (
        'narratives read 4',
        'sentences of the others 7',
        'about the image itself 3',
        'kept 4',
        'samples written 4',
        'images written 2',
    ):
        assert line in report
    assert {path.name for path in tmp_path.iterdir()} == {narratives.name, out.name}


def test_options(narratives, tmp_path, capsys):
    compressed = tmp_path / 'flickr30k_test_localized_narratives.jsonl.gz'
    line = json.dumps(record('A cat. A cat.', '1007129816', 'flickr30k_test')) + '\n'
    compressed.write_bytes(gzip.compress(line.encode() * 2))
    images = tmp_path / 'list.json'
    images.write_text(
        json.dumps(
            {
                'images': [
                    {'id': 1, 'file_name': 'COCO_val2014_000000000042.jpg'},
                    {'id': 2, 'file_name': '1007129816.jpg'},
                    {'id': 3, 'file_name': 'COCO_val2014_000000000007.jpg'},
                ]
            }
        )
    )
    out = tmp_path / 'traces.json'
    assert run(narratives, compressed, '--out', out, '--images', images, '--merge') == 0
    assert captions(out) == {
        '42': [('A cup on the table.',)],
        '1007129816': [('A cat.',), ('A cat.',)],
    }
    report = ' '.join(capsys.readouterr().out.split())
    assert 'of other images 2' in report
    assert 'samples merged into others 2' in report
    assert 'images of the list without a sample 1' in report

    options = ('--rewrite', 'none', '--keep-noise', '--dataset-id', 'mscoco_*')
    assert run(narratives, compressed, '--out', out, '--images', images, *options) == 0
    assert captions(out) == {
        '42': [('On the table there is a cup.',), ('The photo is edited.',)],
        '7': [('This image is edited.',)],
    }
    assert 'of other datasets 2' in ' '.join(capsys.readouterr().out.split())


class Upper(BaseHTTPRequestHandler):
    """Answers the last sentence of the prompt in capitals, a few times, and then never again."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
        self.server.seen.append((self.headers['Authorization'], body['model']))
        sentence = body['messages'][0]['content'].splitlines()[-2].removeprefix('Sentence: ')
        answer = 'NONE' if 'trees' in sentence else sentence.upper()
        content = json.dumps({'choices': [{'message': {'content': answer}}]}).encode()
        self.send_response(200 if len(self.server.seen) <= self.server.answers else 500)
        self.send_header('Content-Length', str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with HTTPServer(('127.0.0.1', 0), Upper) as running:
        running.seen, running.answers = [], 100
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield running
        running.shutdown()


def test_an_interrupted_conversion_goes_on(narratives, tmp_path, capsys, server, monkeypatch):
    monkeypatch.setenv('NARRATIVES_KEY', 'secret')
    out = tmp_path / 'traces.json'
    command = [narratives, '--out', out, '--rewrite', 'llm', '--llm', 'llama']
    command += ['--base-url', f'http://127.0.0.1:{server.server_port}/v1', '--workers', 1]
    command += ['--retries', 0, '--batch-size', 1, '--api-key-env', 'NARRATIVES_KEY']
    server.answers = 2
    assert run(*command) == 2
    error = capsys.readouterr().err
    assert 'no answer in 1 attempts' in error and 'secret' not in error
    assert not out.exists()

    server.answers = 100
    assert run(*command) == 0
    assert len(server.seen) == 1 + 4  # one failed, four sentences
    assert set(server.seen) == {('Bearer secret', 'llama')}
    assert captions(out)['137576'][0] == (
        'IN THIS IMAGE, I CAN SEE A GROUP OF COWS STANDING AND EATING THE GRASS.',
    )
    assert len(captions(out)['137576']) == 2
    assert (tmp_path / 'traces.json.rewrites.jsonl').read_text().count('\n') == 4


def test_bad_command_lines_end_with_status_2(narratives, tmp_path, capsys):
    out = tmp_path / 'traces.json'
    broken = tmp_path / 'broken.jsonl'
    broken.write_text(json.dumps(record()) + '\n{"image_id": "4", "caption": "A dog."}\n')
    noise = write(tmp_path / 'noise.jsonl', [record('The image is edited.')])
    prompt = tmp_path / 'prompt.txt'
    prompt.write_text('Rewrite this.')
    llm = ['--rewrite', 'llm']
    for arguments, message in [
        ([tmp_path / 'none.jsonl'], 'none.jsonl: no such file'),
        ([tmp_path], f'{tmp_path}: no such file'),
        ([broken], "broken.jsonl, line 2: expected the key 'timed_caption'"),
        ([noise], 'no sample is left: 1 narratives read'),
        ([narratives, '--images', tmp_path / 'none.json'], 'none.json'),
        ([narratives, '--images', broken], 'expected JSON'),
        ([narratives, '--split', 'test'], '--split: expected --images too'),
        ([narratives, '--min-points', '0'], '--min-points: expected 1 or more'),
        ([narratives, *llm], 'name the model with --llm'),
        ([narratives, *llm, '--llm', tmp_path / 'none'], 'neither a local folder'),
        ([narratives, *llm, '--llm', 'x', '--prompt', prompt], 'expected {sentence} once'),
        ([narratives, *llm, '--llm', 'x', '--base-url', 'localhost'], 'expected http://'),
        (
            [narratives, *llm, '--llm', 'x', '--base-url', 'http://h', '--cache', prompt],
            'expected a cache of rewritten sentences',
        ),
    ]:
        assert run(*arguments, '--out', out) == 2
        error = capsys.readouterr().err
        lines = [line for line in error.splitlines() if line.strip()]
        assert len(lines) == 1 and lines[0].startswith('localized_narratives.py: error: ')
        assert message in lines[0]
        assert not out.exists()
