"""Published checkpoints: found, fetched, converted, kept; and refused where they are unfit."""

from __future__ import annotations

import json
import logging
import os
import pickle
import shutil
import threading
import time
from fnmatch import fnmatch
from pathlib import Path

import huggingface_hub
import pytest
import torch
import yaml

from mmpatchioner.checkpoints import CheckpointError, load_memory, load_metadata, load_state_dict
from mmpatchioner.checkpoints.decap import convert_decap
from mmpatchioner.checkpoints.published import PUBLISHED, cache, convert_published, read_folder
from mmpatchioner.checkpoints.viecap import convert_viecap
from tests.test_checkpoints.published_files import (
    CAPTIONS,
    WIDTH,
    published_decoder,
    write_memory,
    write_repository,
)

pytest.importorskip('h5py')
DECAP, CAPDEC = PUBLISHED['talk2dino-decap-coco'], PUBLISHED['talk2dino-capdec-coco']
COMMIT = '0123456789abcdef0123456789abcdef01234567'


@pytest.fixture(autouse=True)
def cache_folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv('MMPATCHIONER_CACHE', str(tmp_path / 'cache'))
    return tmp_path / 'cache' / 'published'


@pytest.fixture
def decap(tmp_path) -> Path:
    return write_repository(tmp_path / 'decap', 'decap')


@pytest.fixture
def counted(monkeypatch) -> list[str]:
    """Names of the models that were converted, one entry a conversion."""
    names: list[str] = []
    convert = cache.convert_files

    def count(model, files, folder):
        names.append(model.name)
        return convert(model, files, folder)

    monkeypatch.setattr(cache, 'convert_files', count)
    return names


@pytest.fixture
def hub(tmp_path, monkeypatch) -> list[tuple[str, str | None, set[str]]]:
    """A hub that holds what is in ``tmp_path/hub/OWNER/NAME``; gives (repository, revision, files) of each request."""
    requests: list[tuple[str, str | None, set[str]]] = []

    def snapshot_download(repo_id, revision=None, allow_patterns=None):
        source, target = tmp_path / 'hub' / repo_id, tmp_path / 'snapshots' / COMMIT
        brought = set()
        for path in source.rglob('*'):
            name = path.relative_to(source).as_posix()
            if path.is_file() and any(fnmatch(name, pattern) for pattern in allow_patterns):
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, target / name)
                brought.add(name)
        requests.append((repo_id, revision, brought))
        return str(target)

    monkeypatch.setattr(huggingface_hub, 'snapshot_download', snapshot_download)
    return requests


def test_names_and_repositories_are_the_published_ones():
    assert {name: model.repo_id for name, model in PUBLISHED.items()} == {
        f'talk2dino-{system}-coco': f'Ruggero1912/Patch-ioner_talk2dino_{system}_COCO_Captions'
        for system in ('decap', 'capdec', 'viecap', 'meacap')
    }


def test_a_checkpoint_with_a_memory_is_converted(decap):
    done = convert_published(DECAP, decap)
    memory = load_memory(done.folder / 'memory.safetensors')
    assert list(memory.texts) == CAPTIONS
    assert memory.embed_dims == WIDTH
    decoder = load_state_dict(done.folder / 'decoder.safetensors')
    expected = convert_decap(decap / 'coco_karpathy-009.pt').tensors
    assert decoder.keys() == expected.keys()
    assert all(torch.equal(decoder[name], expected[name]) for name in expected)
    spaces = {load_metadata(path)['space'] for path in done.folder.glob('*.safetensors')}
    assert spaces == {'talk2dino-vitb14-reg'}
    report = (done.folder / 'report.txt').read_text()
    assert 'clip_project.model.0.weight' in report
    assert '4 rows of 32, 2 of zeros left out' in report


def test_where_it_comes_from_is_recorded(decap):
    done = convert_published(DECAP, decap)
    assert json.loads((done.folder / 'provenance.json').read_text()) == done.record
    assert {source['role']: source['name'] for source in done.record['sources']} == {
        'config': 'config.yaml',
        'decoder': 'coco_karpathy-009.pt',
        'memory': 'coco_captions_text_embeddings-B16-ViT-B.16-6.h5',
    }
    assert all(len(source['sha256']) == 64 for source in done.record['sources'])
    assert done.record['decoder']['prefix_dims'] == WIDTH
    assert done.record['origin'] == 'folder decap'


def test_without_a_memory_there_is_a_decoder_alone(tmp_path):
    done = convert_published(CAPDEC, write_repository(tmp_path / 'capdec', 'capdec'))
    assert [path.name for path in done.folder.glob('*.safetensors')] == ['decoder.safetensors']


def test_viecap_is_converted(tmp_path):
    folder = write_repository(tmp_path / 'viecap', 'viecap')
    done = convert_published(PUBLISHED['talk2dino-viecap-coco'], folder)
    expected = convert_viecap(folder / 'coco_prefix-0014.pt').tensors
    decoder = load_state_dict(done.folder / 'decoder.safetensors')
    assert decoder.keys() == expected.keys()
    assert done.record['decoder']['hard_prompt'] == {'top_k': 2, 'threshold': 0.4}
    assert done.record['decoder']['prefix_dims'] == WIDTH


def test_meacap_is_converted_with_its_memory(tmp_path):
    folder = write_repository(tmp_path / 'meacap', 'meacap')
    done = convert_published(PUBLISHED['talk2dino-meacap-coco'], folder)
    memory = load_memory(done.folder / 'memory.safetensors')
    assert list(memory.texts) == CAPTIONS
    assert memory.space == 'talk2dino-vitb14-reg'
    roles = {source['role'] for source in done.record['sources']}
    assert roles == {'config', 'decoder', 'captions', 'embeddings'}
    assert 'hard_prompt' not in done.record['decoder']


def test_meacap_of_several_repositories_is_fetched(hub, tmp_path):
    model = PUBLISHED['talk2dino-meacap-coco']
    folder = write_repository(tmp_path / 'hub' / model.repo_id, 'meacap')
    settings = yaml.safe_load((folder / 'config.yaml').read_text())
    settings['viecap']['hf_repo_id'] = other = 'Ruggero1912/weights'
    (folder / 'config.yaml').write_text(yaml.safe_dump(settings))
    (tmp_path / 'hub' / other).mkdir()
    (folder / 'coco_prefix-0014.pt').rename(tmp_path / 'hub' / other / 'coco_prefix-0014.pt')
    convert_published(model)
    memory = {
        f'memory/coco_B16_t2d/memory_{name}' for name in ('captions.json', 'clip_embeddings.pt')
    }
    assert hub == [
        (model.repo_id, None, {'config.yaml'}),
        (other, None, {'coco_prefix-0014.pt'}),
        (model.repo_id, COMMIT, memory),
    ]


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'soft_prompt_first': False}, 'viecap.soft_prompt_first: expected True, got False'),
        ({'name_of_entities_text': 'open_image'}, "viecap.name_of_entities_text: expected 'coco_"),
        ({'threshold': 'high'}, "viecap.threshold: expected a number, got 'high'"),
        ({'weight_path': ''}, "weight_path: expected a text, got ''"),
        ({'hf_repo_id': 7}, 'hf_repo_id: expected a text, got 7'),
    ],
    ids=str,
)
def test_unfit_settings_of_viecap_are_refused(tmp_path, change, message):
    folder = write_repository(tmp_path / 'viecap', 'viecap')
    settings = yaml.safe_load((folder / 'config.yaml').read_text())
    settings['viecap'] |= change
    (folder / 'config.yaml').write_text(yaml.safe_dump(settings))
    with pytest.raises(CheckpointError) as error:
        read_folder(folder)
    assert message in str(error.value)


def test_a_conversion_is_kept_until_a_file_changes(decap, counted):
    first = convert_published(DECAP, decap)
    assert convert_published(DECAP, decap) == first
    assert len(counted) == 1
    os.utime(decap / 'coco_karpathy-009.pt', (1, 1))
    assert convert_published(DECAP, decap).folder != first.folder
    assert len(counted) == 2


@pytest.mark.parametrize('damage', ['cut', 'gone', 'record', 'version'])
def test_a_damaged_conversion_is_made_anew(decap, counted, damage):
    first = convert_published(DECAP, decap)
    decoder, record = first.folder / 'decoder.safetensors', first.folder / 'provenance.json'
    if damage == 'cut':
        decoder.write_bytes(decoder.read_bytes()[:-1])
    elif damage == 'gone':
        decoder.unlink()
    elif damage == 'record':
        record.write_text('{')
    else:
        record.write_text(json.dumps({**first.record, 'version': 0}))
    assert convert_published(DECAP, decap) == first
    assert len(counted) == 2
    load_state_dict(decoder)


def test_several_at_once_convert_once(decap, counted, monkeypatch):
    convert = cache.convert_files

    def slow(*arguments):
        time.sleep(0.3)
        return convert(*arguments)

    monkeypatch.setattr(cache, 'convert_files', slow)
    done = []
    threads = [
        threading.Thread(target=lambda: done.append(convert_published(DECAP, decap)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 3 and done[0] == done[1] == done[2]
    assert len(counted) == 1


def test_a_name_is_fetched_once_and_of_one_commit(hub, tmp_path, counted):
    repository = write_repository(tmp_path / 'hub' / DECAP.repo_id, 'decap')
    (repository / 'decoder_config.pkl').write_bytes(b'')
    (repository / 'large_and_needless.bin').write_bytes(b'')
    done = convert_published(DECAP)
    assert hub == [
        (DECAP.repo_id, None, {'config.yaml'}),
        (DECAP.repo_id, COMMIT, {'coco_karpathy-009.pt', 'coco_captions_text_embeddings-B16-ViT-B.16-6.h5'}),
    ]  # fmt: skip
    assert done.record['origin'] == f'{DECAP.repo_id} at {COMMIT}'
    assert convert_published(DECAP) == done
    assert len(hub) == 2 and len(counted) == 1


def test_offline_one_line_tells_what_to_download_and_where_to_put_it(cache_folder):
    with pytest.raises(CheckpointError) as error:  # conftest.py keeps the tests off the hub
        convert_published(DECAP)
    message = str(error.value)
    place = cache_folder / 'Patch-ioner_talk2dino_decap_COCO_Captions'
    assert '\n' not in message
    assert f'`hf download {DECAP.repo_id} --local-dir DIR`' in message
    assert 'config.yaml, the decoder *.pt and the memory *.h5' in message
    assert f'put DIR at {place}, or give DIR in place of the name' in message
    assert not list(cache_folder.rglob('*.safetensors'))

    write_repository(place, 'decap')
    assert convert_published(DECAP).record['origin'] == f'folder {place.name}'


def test_pickles_are_not_read(decap, tmp_path, caplog):
    class RunsCode:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / 'trapped'),)

    (decap / 'decoder_config.pkl').write_bytes(pickle.dumps(RunsCode()))
    with caplog.at_level(logging.INFO):
        convert_published(DECAP, decap)
    assert 'not read: decoder_config.pkl' in caplog.text
    torch.save({'a': RunsCode()}, decap / 'coco_karpathy-009.pt')
    with pytest.raises(CheckpointError, match='may run any code'):
        convert_published(DECAP, decap)
    command = f"!!python/object/apply:os.mkdir ['{tmp_path / 'trapped'}']"
    (decap / 'config.yaml').write_text(f'prefix_size: {command}')
    with pytest.raises(CheckpointError, match='can not be read as YAML of plain values'):
        convert_published(DECAP, decap)
    assert not (tmp_path / 'trapped').exists()


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'prefix_size': None}, 'prefix_size: expected a number, got None'),
        ({'support_memory_size': 'many'}, "support_memory_size: expected a number, got 'many'"),
        ({'decap_weights': None}, 'decap_weights: expected a text, got None'),
        ({'dino_model': 'dinov2_vitl14'}, "dino_model: expected 'dinov2_vitb14_reg', got"),
        ({'resize_dim': 224}, 'resize_dim: expected 518, got 224'),
        ({'normalize': False}, 'normalize: expected True, got False'),
        ({'talk2dino_weights': 'x.pth'}, "talk2dino_weights: expected None, got 'x.pth'"),
        ({'clip_model_name': 'ViT-L/14'}, "clip_model_name: expected 'ViT-B/16', got 'ViT-L/14'"),
        ({'viecap': 'yes'}, "viecap: expected keys and values, got 'yes'"),
        ({'support_memory_size': 0}, "expected the system 'decap' of talk2dino-decap-coco, got 'capdec'"),
        ({'prefix_size': 31}, 'expected rows of 31 dimensions'),
    ],
    ids=str,
)  # fmt: skip
def test_unfit_configs_are_refused(tmp_path, cache_folder, changes, message):
    folder = write_repository(tmp_path / 'decap', 'decap', **changes)
    with pytest.raises(CheckpointError) as error:
        convert_published(DECAP, folder)
    assert message in str(error.value)
    assert '\n' not in str(error.value)
    assert not list(cache_folder.glob('converted/*/*'))


def narrow(folder):
    torch.save(published_decoder(width=16), folder / 'coco_karpathy-009.pt')
    return 'reads vectors of 16 dimensions'


def incomplete(folder):
    state = published_decoder()
    del state['clip_project.model.0.bias']
    torch.save(state, folder / 'coco_karpathy-009.pt')
    return 'missing: clip_project.model.0.bias'


def other_memory(folder):
    write_memory(folder / 'coco_captions_text_embeddings-B16-ViT-B.16-6.h5', width=16)
    return 'expected rows of 32 dimensions, the prefix_size of config.yaml, got 16'


def no_decoder(folder):
    (folder / 'coco_karpathy-009.pt').unlink()
    return 'expected the file coco_karpathy-009.pt (decoder), which config.yaml names; found none'


def no_config(folder):
    (folder / 'config.yaml').unlink()
    return 'with config.yaml; it has none'


@pytest.mark.parametrize('damage', [narrow, incomplete, other_memory, no_decoder, no_config])
def test_unfit_files_are_refused_and_nothing_is_left(decap, cache_folder, damage):
    message = damage(decap)
    with pytest.raises(CheckpointError) as error:
        convert_published(DECAP, decap)
    assert message in str(error.value)
    left = [path for path in cache_folder.rglob('*') if path.suffix != '.lock']
    assert left in ([], [cache_folder / 'converted'])


def test_files_of_other_names_and_places_are_found(decap):
    (decap / 'weights').mkdir()
    (decap / 'coco_karpathy-009.pt').rename(decap / 'weights' / 'coco_karpathy-009.pt')
    memory = decap / 'coco_captions_text_embeddings-B16-ViT-B.16-6.h5'
    memory.rename(decap / 'karpathy.h5')
    paths = read_folder(decap).paths
    assert paths['decoder'] == decap / 'weights' / 'coco_karpathy-009.pt'
    assert paths['memory'] == decap / 'karpathy.h5'
    write_memory(decap / 'another.h5')
    with pytest.raises(CheckpointError, match=r'found another\.h5, karpathy\.h5'):
        read_folder(decap)


def test_without_h5py_the_remedy_is_told(decap, monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'h5py', None)
    with pytest.raises(CheckpointError, match='pip install h5py'):
        convert_published(DECAP, decap)
