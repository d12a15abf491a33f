"""Two projections are published under one name; they must not be taken for each other."""

import pytest
import torch

from mmpatchioner.checkpoints import CheckpointError, load_metadata
from mmpatchioner.checkpoints import talk2dino as module
from mmpatchioner.checkpoints.conversion import sha256_of
from mmpatchioner.checkpoints.talk2dino import (
    convert_talk2dino,
    talk2dino_origin,
    talk2dino_space,
)
from mmpatchioner.models.text_encoders import TextProjection, build_text_encoder
from tests.test_engine.tiny_models import WordVectorEncoder
from tests.test_tools.converting import run

SPACES = {'ours': 'talk2dino-vitb14-reg', 'original': 'talk2dino-vitb14-reg-original'}


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Two files of equal names and shapes, known by their hashes."""
    known, paths = {}, {}
    for seed, name in enumerate(SPACES):
        torch.manual_seed(seed)
        paths[name] = tmp_path / name / 'vitb_mlp_infonce.pth'
        paths[name].parent.mkdir()
        torch.save(TextProjection(8, 12, 12).state_dict(), paths[name])
        known[sha256_of(paths[name])[:8]] = (f'{name} repository', SPACES[name])
    monkeypatch.setattr(module, '_ORIGINS', known)
    return paths


def encoder(checkpoint, space: str) -> dict:
    return dict(
        type='mmpatchioner.ProjectedTextEncoder',
        space=space,
        encoder=dict(type=WordVectorEncoder, embed_dims=8),
        projection=dict(
            type='mmpatchioner.TextProjection',
            in_dims=8,
            hidden_dims=12,
            out_dims=12,
            init_cfg=dict(type='Pretrained', checkpoint=str(checkpoint)),
        ),
    )


@pytest.mark.parametrize('name', SPACES)
def test_each_file_is_told_by_its_hash_and_names_its_space(files, tmp_path, capsys, name):
    out = tmp_path / 'out.safetensors'
    assert talk2dino_space(files[name]) == SPACES[name]
    assert run('talk2dino_to_mmpatchioner', files[name], out) == 0
    printed = capsys.readouterr().out
    assert f'origin: {name} repository' in printed and f'space: {SPACES[name]}\n' in printed
    assert load_metadata(out)['space'] == talk2dino_space(out) == SPACES[name]
    assert load_metadata(out)['origin'] == f'{name} repository'


def test_a_known_file_can_not_be_named_otherwise(files, tmp_path, capsys):
    out = tmp_path / 'out.safetensors'
    wrong = ('--space', SPACES['ours'])
    assert run('talk2dino_to_mmpatchioner', files['original'], out, *wrong) == 2
    error = capsys.readouterr().err
    assert 'file of the original repository' in error and error.count('\n') == 1
    assert not out.exists()
    assert run('talk2dino_to_mmpatchioner', files['ours'], out, *wrong) == 0


@pytest.mark.parametrize('converted', [False, True])
def test_an_encoder_refuses_the_file_of_the_other_space(files, tmp_path, converted):
    for name, space in SPACES.items():
        checkpoint = files[name]
        if converted:
            checkpoint = tmp_path / f'{name}.safetensors'
            assert run('talk2dino_to_mmpatchioner', files[name], checkpoint) == 0
        assert build_text_encoder(encoder(checkpoint, space)).space == space
        other = next(value for value in SPACES.values() if value != space)
        with pytest.raises(CheckpointError, match=f"is of the space '{space}', expected '{other}'"):
            build_text_encoder(encoder(checkpoint, other))


def test_an_unknown_file_may_have_any_space_or_none(tmp_path):
    path = tmp_path / 'vitl_mlp_infonce.pth'
    torch.save(TextProjection(8, 12, 12).state_dict(), path)
    assert 'space' not in convert_talk2dino(path).metadata
    assert convert_talk2dino(path, 'talk2dino-vitl14-reg').metadata['space'] == (
        'talk2dino-vitl14-reg'
    )
    assert talk2dino_space(path) is None
    assert build_text_encoder(encoder(path, 'mine')).space == 'mine'


def test_the_published_files_are_known_by_their_hashes(shared_data):
    assert talk2dino_origin('5f6efcc5') == 'Talk2DINO repository'
    path = shared_data / 'weights' / 'talk2dino_vitb_mlp_infonce.pth'
    if not path.is_file():
        pytest.skip(f'{path} is not there')
    assert talk2dino_origin(sha256_of(path)) == 'Patch-ioner repository'
    assert talk2dino_space(path) == 'talk2dino-vitb14-reg'
