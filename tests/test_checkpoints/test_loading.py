"""Safe reading, atomic writing and strict loading of weights."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from mmpatchioner.checkpoints import (
    CheckpointError,
    load_metadata,
    load_state_dict,
    load_strict,
    loading,
    resolve_file,
    save_safetensors,
)


class RunsCode:
    """Unpickling it makes a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.fixture
def state() -> dict[str, torch.Tensor]:
    return {'weight': torch.randn(3, 2), 'bias': torch.zeros(3)}


def test_a_saved_file_has_the_permissions_that_the_umask_grants(tmp_path):
    path = tmp_path / 'weights.safetensors'
    before = os.umask(0o022)
    try:
        save_safetensors({'weight': torch.ones(2)}, path)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize('name', ['w.safetensors', 'w.pt', 'w.pth', 'w.bin'])
def test_every_format_gives_the_same_tensors(tmp_path, state, name):
    path = tmp_path / name
    save_file(state, path) if name.endswith('safetensors') else torch.save(state, path)
    loaded = load_state_dict(path)
    assert loaded.keys() == state.keys()
    assert all(torch.equal(loaded[key], state[key]) for key in state)


def test_a_checkpoint_of_mmengine_is_unwrapped(tmp_path, state):
    torch.save({'meta': {'epoch': 1}, 'state_dict': state}, tmp_path / 'epoch_1.pth')
    assert load_state_dict(tmp_path / 'epoch_1.pth').keys() == state.keys()


@pytest.mark.parametrize('legacy', [False, True])
def test_a_pickle_never_runs(tmp_path, legacy):
    path, trap = tmp_path / 'trap.pt', tmp_path / 'trapped'
    content = {'weight': torch.ones(1), 'other': RunsCode(trap)}
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(CheckpointError, match='may run any code'):
        load_state_dict(path)
    assert not trap.exists()


def test_a_bare_pickle_never_runs(tmp_path):
    path, trap = tmp_path / 'decoder_config.pkl', tmp_path / 'trapped'
    path.write_bytes(pickle.dumps(RunsCode(trap)))
    with pytest.raises(CheckpointError):
        load_state_dict(path)
    assert not trap.exists()


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ([torch.ones(1)], 'expected a dictionary of tensors, got list'),
        ({'weight': torch.ones(1), 'epoch': 3}, r"got other values under \['epoch'\]"),
    ],
)
def test_what_is_not_a_state_dict_is_refused(tmp_path, content, message):
    torch.save(content, tmp_path / 'w.pt')
    with pytest.raises(CheckpointError, match=message):
        load_state_dict(tmp_path / 'w.pt')


@pytest.mark.parametrize('name', ['w.safetensors', 'w.pt'])
@pytest.mark.parametrize('content', [b'', b'<html>404</html>', b'\xff' * 64])
def test_damaged_files_are_named(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=name):
        load_state_dict(tmp_path / name)


def test_cut_off_files_are_named(tmp_path, state):
    path = tmp_path / 'w.safetensors'
    save_safetensors(state, path)
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(CheckpointError, match='not a readable safetensors file'):
        load_state_dict(path)
    with pytest.raises(CheckpointError, match='not a readable safetensors file'):
        load_metadata(path)


def test_a_prefix_is_stripped_only_on_request(tmp_path, state):
    path = tmp_path / 'w.pt'
    torch.save({f'module.{name}': tensor for name, tensor in state.items()}, path)
    assert set(load_state_dict(path)) == {'module.weight', 'module.bias'}
    assert set(load_state_dict(path, strip_prefix='module.')) == {'weight', 'bias'}


def test_stripping_never_merges_two_tensors(tmp_path):
    path = tmp_path / 'w.pt'
    torch.save({'module.weight': torch.ones(1), 'weight': torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match='both with and without'):
        load_state_dict(path, strip_prefix='module.')


def test_missing_files_say_where_they_were_sought(tmp_path):
    with pytest.raises(CheckpointError, match='found nothing'):
        resolve_file(tmp_path / 'none.safetensors')
    with pytest.raises(CheckpointError, match='found a folder'):
        resolve_file(tmp_path)


def test_packaged_files_are_found_and_nothing_outside(monkeypatch, tmp_path):
    package = tmp_path / 'checkpoints'
    (package / 'mini').mkdir(parents=True)
    (package / 'mini' / 'decoder.safetensors').write_bytes(b'x')
    (tmp_path / 'secret').write_bytes(b'x')
    monkeypatch.setattr(loading, '_PACKAGED', package)
    found = resolve_file('mmpatchioner://mini/decoder.safetensors')
    assert found == package / 'mini' / 'decoder.safetensors'
    with pytest.raises(CheckpointError, match='holds no such file'):
        resolve_file('mmpatchioner://mini/other.safetensors')
    with pytest.raises(CheckpointError, match='inside the package'):
        resolve_file('mmpatchioner://../secret')


def test_saving_copies_views_and_shared_memory(tmp_path):
    base = torch.arange(12.0).reshape(3, 4)
    tensors = {'base': base, 'same': base, 'row': base[1], 'turned': base.T}
    save_safetensors(tensors, tmp_path / 'deep' / 'w.safetensors', {'space': 'here'})
    loaded = load_state_dict(tmp_path / 'deep' / 'w.safetensors')
    assert all(torch.equal(loaded[name], tensors[name]) for name in tensors)
    assert load_metadata(tmp_path / 'deep' / 'w.safetensors')['space'] == 'here'


def test_a_failed_write_leaves_the_old_file(tmp_path, state, monkeypatch):
    path = tmp_path / 'w.safetensors'
    save_safetensors(state, path)
    before = path.read_bytes()

    def fails_half_way(tensors, filename, metadata):
        Path(filename).write_bytes(b'half')
        raise OSError('disk full')

    monkeypatch.setattr(loading, 'save_file', fails_half_way)
    with pytest.raises(OSError, match='disk full'):
        save_safetensors({'weight': torch.zeros(1)}, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_strict_loading_fills_every_tensor(state):
    module = nn.Linear(2, 3)
    load_strict(module, state, 'w.pt')
    assert torch.equal(module.weight, state['weight'])


def test_strict_loading_names_every_problem_and_changes_nothing(state):
    module = nn.Linear(2, 3)
    before = module.weight.clone()
    wrong = {'weight': torch.ones(3, 5), 'scale': torch.ones(1)}
    with pytest.raises(CheckpointError) as error:
        load_strict(module, wrong, 'w.pt')
    for part in ('w.pt', 'Linear', 'missing: bias (3,)', 'unknown: scale (1,)'):
        assert part in str(error.value)
    assert 'shape of weight: expected (3, 2), got (3, 5)' in str(error.value)
    assert torch.equal(module.weight, before)
