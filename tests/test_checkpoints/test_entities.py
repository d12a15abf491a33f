"""ViECap's published vocabularies, on files of the published form in small and on the real one."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mmpatchioner.checkpoints import CheckpointError, load_memory
from mmpatchioner.checkpoints.entities import convert_entities
from mmpatchioner.models.decoders import EntityPrompt
from tests.commands import TOOLS
from tests.test_tools.converting import run

COCO = TOOLS.parent / 'configs' / 'training' / 'coco_entities.txt'


def rows(count: int = 3) -> torch.Tensor:
    return 4 * torch.randn(count, 6, generator=torch.Generator().manual_seed(0))


def write_pickle(path, content):
    path.write_bytes(pickle.dumps(content))
    return path


def test_the_tool_writes_what_the_prompt_reads(tmp_path, capsys):
    source = write_pickle(tmp_path / 'vocabulary.pickle', rows().half())
    (tmp_path / 'names.txt').write_text('Tree\n dog\n\ncat\n')
    out = tmp_path / 'entities.safetensors'
    tool = 'entities_to_mmpatchioner'
    assert run(tool, source, out, '--names', tmp_path / 'names.txt', '--space', 'joint') == 0
    assert '3 names, rows of 6, space joint' in capsys.readouterr().out
    memory = load_memory(out)
    assert (memory.space, list(memory.texts)) == ('joint', ['cat', 'dog', 'tree'])
    assert memory.metadata['converted_from'] == 'vocabulary.pickle'
    assert EntityPrompt(out).entities(rows()) == [['cat'], ['dog'], ['tree']]


class RunsCode:
    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def test_code_of_a_pickle_never_runs(tmp_path, capsys):
    trap = tmp_path / 'trapped'
    for content in (RunsCode(trap), [rows(), RunsCode(trap)]):
        source = write_pickle(tmp_path / 'trap.pickle', content)
        assert run('entities_to_mmpatchioner', source, tmp_path / 'out.safetensors') == 2
        assert 'mkdir is no part of a tensor' in capsys.readouterr().err
    assert not trap.exists()


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ([1, 2], 'expected one tensor, got list'),
        (rows(4), r'a row for each of 3 names, got \(4, 6\)'),
        (torch.full((3, 6), torch.nan), 'expected finite rows'),
    ],
)
def test_unfit_files_are_refused(tmp_path, content, message):
    source = write_pickle(tmp_path / 'vocabulary.pickle', content)
    with pytest.raises(CheckpointError, match=message):
        convert_entities(source, ['a', 'b', 'c'])


@pytest.mark.parametrize('name', ['damaged.pickle', 'damaged.npz'])
def test_damaged_files_are_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b'\x80\x04what')
    with pytest.raises(CheckpointError, match=rf'{name}: (cannot be read|expected an .npz)'):
        convert_entities(tmp_path / name, ['a'])


def test_the_real_vocabulary_is_in_the_order_of_the_alphabet(shared_data):
    """The file names its rows in COCO's order, which is not theirs: there a banana resembles a bicycle."""
    path = shared_data / 'weights' / 'coco80_entities_talk2dino_vitb.npz'
    names = np.load(path)['names'].tolist()
    memory = convert_entities(path, names)
    assert list(memory.texts) == COCO.read_text().split('\n')[:-1] != names
    prompt = EntityPrompt(memory)
    assert [found[0] for found in prompt.entities(3 * memory.embeddings)] == sorted(names)
    cosines = memory.embeddings @ memory.embeddings.T
    nearest = cosines.fill_diagonal_(-1).argmax(dim=1)
    neighbours = dict(zip(memory.texts, [memory.texts[i] for i in nearest], strict=True))
    for name, neighbour in {
        'pizza': 'donut', 'cow': 'sheep', 'scissors': 'knife', 'broccoli': 'carrot'
    }.items():  # fmt: skip
        assert neighbours[name] == neighbour
    mixed = F.normalize(
        sum(memory.embeddings[memory.texts.index(n)] for n in ('dog', 'bench')), dim=0
    )
    assert set(prompt.entities(mixed[None])[0]) <= {'dog', 'bench'}
