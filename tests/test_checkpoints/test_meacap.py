"""MeaCap's memory, on files of the published layout in small."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from mmpatchioner.checkpoints import CheckpointError, load_memory
from mmpatchioner.checkpoints.meacap import convert_meacap_memory
from mmpatchioner.models.decoders.meacap import CaptionRetrieval
from tests.test_tools.converting import run

CAPTIONS = ['a dog', 'a café', 'a dog', 'nothing', 'a train', 'a bird', 'a cat']


@pytest.fixture
def folder(tmp_path) -> Path:
    folder = tmp_path / 'memory' / 'coco_B16_t2d'
    folder.mkdir(parents=True)
    (folder / 'memory_captions.json').write_text(json.dumps(CAPTIONS))
    rows = torch.randn(7, 6, generator=torch.Generator().manual_seed(0)) * 4
    rows[3] = 0
    torch.save(rows, folder / 'memory_clip_embeddings.pt')
    torch.save(torch.randn(7, 4), folder / 'memory_wte_embeddings.pt')
    return folder


def main(*arguments: object) -> int:
    return run('meacap_to_mmpatchioner', *arguments)


def convert(folder: Path, **options):
    return convert_meacap_memory(
        folder / 'memory_captions.json', folder / 'memory_clip_embeddings.pt', **options
    )


def test_the_tool_writes_what_the_prompt_reads(folder, tmp_path, capsys):
    out = tmp_path / 'memory.safetensors'
    assert main(folder, out, '--dtype', 'bf16') == 0
    assert '6 captions, rows of 6' in capsys.readouterr().out
    memory = load_memory(out)
    assert list(memory.texts) == [text for text in CAPTIONS if text != 'nothing']
    assert memory.embeddings.dtype == torch.bfloat16
    assert memory.space == 'talk2dino-vitb14-reg'
    assert len(memory.metadata['source_sha256']) == len(memory.metadata['captions_sha256']) == 64
    rows = torch.load(folder / 'memory_clip_embeddings.pt')
    assert CaptionRetrieval(out, num_captions=1)(rows[4:]) == [['a train'], ['a bird'], ['a cat']]


def test_numbers_are_kept(folder):
    rows = torch.load(folder / 'memory_clip_embeddings.pt')
    memory = convert(folder)
    restored = memory.embeddings * memory.norms[:, None]
    assert torch.allclose(restored, rows[[0, 1, 2, 4, 5, 6]], atol=1e-6)


@pytest.mark.parametrize(
    ('file', 'content', 'message'),
    [
        ('memory_captions.json', CAPTIONS[:-1], 'has 7 rows, .* 6 captions; they are not of one'),
        ('memory_captions.json', {'a': 1}, 'expected a JSON list of captions'),
        ('memory_captions.json', [1] * 7, 'expected a JSON list of captions'),
        ('memory_clip_embeddings.pt', torch.zeros(7, 6), 'at least one row that is not zero'),
        ('memory_clip_embeddings.pt', torch.full((7, 6), torch.nan), 'expected finite rows'),
        ('memory_clip_embeddings.pt', torch.zeros(7), r'expected rows of numbers \(M, D\)'),
        ('memory_clip_embeddings.pt', {'rows': torch.zeros(7, 6)}, 'expected one tensor, got dict'),
        ('memory_clip_embeddings.pt', Path('x'), 'cannot be read as tensors alone'),
    ],
)
def test_unfit_files_are_refused(folder, tmp_path, capsys, file, content, message):
    if file.endswith('.json'):
        (folder / file).write_text(json.dumps(content))
    else:
        torch.save(content, folder / file)
    with pytest.raises(CheckpointError, match=message):
        convert(folder)
    assert main(folder, tmp_path / 'out.safetensors') == 2
    assert capsys.readouterr().err.startswith('error: ')
    assert not (tmp_path / 'out.safetensors').exists()


def test_missing_and_damaged_files_and_other_names_are_refused(folder, tmp_path, capsys):
    assert main(folder, tmp_path / 'out.bin') == 2
    assert 'ends with .safetensors' in capsys.readouterr().err
    (folder / 'memory_captions.json').write_bytes(b'\xff[')
    assert main(folder, tmp_path / 'out.safetensors') == 2
    assert 'expected a JSON list of captions' in capsys.readouterr().err
    assert main(tmp_path / 'nowhere', tmp_path / 'out.safetensors') == 2
    assert 'memory_captions.json: expected a file' in capsys.readouterr().err
