"""Published checkpoints as models of an inferencer."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path

import pytest
import torch
from mmengine.config import Config, ConfigDict
from PIL import Image
from tiny_captioner import add_test_loader, colours, tiny_config

from mmpatchioner.apis import CaptionInferencer, InputError, available_models, zoo
from mmpatchioner.checkpoints import CheckpointError, save_memory
from mmpatchioner.checkpoints.published import PUBLISHED
from mmpatchioner.models.decoders import train_bpe
from tests.commands import run
from tests.reductions.meacap import reduce_meacap_prompt
from tests.reductions.viecap import write_gpt2_tokenizer
from tests.test_checkpoints.published_files import CAPTIONS, WIDTH, write_repository

pytest.importorskip('h5py')
SYSTEMS = [model.system for name, model in PUBLISHED.items() if name in available_models()]
VOCABULARY = 'talk2dino_entities_coco.safetensors'


@pytest.fixture(scope='module')
def heads() -> dict[str, ConfigDict]:
    """The heads of the configs of the published systems, by the name of the config."""
    names = [PUBLISHED[f'talk2dino-{system}-coco'].config for system in SYSTEMS]
    paths = available_models()
    return {name: Config.fromfile(paths[name]).model.caption_head for name in names}


@pytest.fixture(autouse=True)
def small_configs(heads, tmp_path, monkeypatch) -> None:
    """In place of the configs of the published systems: their heads, with nothing that comes from the hub."""
    monkeypatch.setenv('MMPATCHIONER_CACHE', str(tmp_path / 'cache'))
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / 'configs' / 'patchioner'
    folder.mkdir(parents=True)
    for name, head in heads.items():
        cfg = tiny_config()
        cfg.model.caption_head = copy.deepcopy(head)
        make_small(cfg.model.caption_head.decoder, tmp_path)
        cfg.dump(folder / f'{name}.json')  # of Python it takes seconds
    models = ''.join(f'  - Config: configs/patchioner/{path.name}\n' for path in folder.iterdir())
    (folder / 'metafile.yml').write_text(f'Models:\n{models}')
    monkeypatch.setattr(zoo, 'config_root', lambda: tmp_path / 'configs')


def make_small(decoder: ConfigDict, folder: Path) -> None:
    """Take away what comes from the hub; sizes are those of the published files."""
    if decoder.type.endswith('PrefixDecoder'):
        tokenizer = folder / 'tokenizer.json'
        train_bpe(CAPTIONS, vocab_size=80, path=tokenizer)
    else:
        tokenizer = write_gpt2_tokenizer(folder / 'gpt2_tokenizer.json')
        decoder.max_length = 8
    if 'parser' in decoder.get('hard_prompt', {}):
        reduce_meacap_prompt(decoder.hard_prompt, folder)
        decoder.hard_prompt.num_captions = 2
    decoder.tokenizer = dict(type=decoder.tokenizer.type, file=str(tokenizer))


def write_vocabulary(folder: Path, space: str = 'talk2dino-vitb14-reg') -> None:
    rows = torch.randn(3, WIDTH, generator=torch.Generator().manual_seed(0))
    save_memory(folder / VOCABULARY, rows, ['bike', 'dog', 'person'], {'space': space})


def captions(inferencer: CaptionInferencer) -> list[str]:
    result = inferencer(colours(60, 80), boxes=[[0, 0, 40, 40], [50, 5, 75, 50]], whole_image=True)
    return [region.caption for region in result[0]]


def test_published_checkpoints_are_models():
    models = available_models()
    assert models['talk2dino-decap-coco'].stem == 'patchioner_dinov2-b-reg_talk2dino_memory_coco'
    assert models['talk2dino-capdec-coco'].stem == 'patchioner_dinov2-b-reg_talk2dino_noise_coco'
    assert list(models) == sorted(models)


@pytest.mark.parametrize('system', SYSTEMS)
def test_a_name_with_a_folder_a_folder_and_a_name_say_the_same(tmp_path, system):
    place = tmp_path / 'cache' / 'published'
    write_vocabulary(place)
    folder = write_repository(tmp_path / system, system)
    torch.manual_seed(0)
    named = CaptionInferencer(f'talk2dino-{system}-coco', weights=folder, device='cpu')
    torch.manual_seed(0)
    given = CaptionInferencer(folder, device='cpu')
    write_repository(place / f'Patch-ioner_talk2dino_{system}_COCO_Captions', system)
    torch.manual_seed(0)
    found = CaptionInferencer(f'talk2dino-{system}-coco', device='cpu')
    assert captions(named) == captions(given) == captions(found)
    head = named.model.caption_head
    assert head.decoder.space == 'talk2dino-vitb14-reg'
    for part in (head.bridge, getattr(head.decoder, 'hard_prompt', None)):
        assert getattr(part, 'space', head.decoder.space) == head.decoder.space
    checkpoint = Path(named.cfg.model.caption_head.decoder.init_cfg.checkpoint)
    assert checkpoint.is_relative_to(tmp_path / 'cache')


def test_a_vocabulary_beside_the_checkpoint_or_where_the_config_names_it(tmp_path):
    folder = write_repository(tmp_path / 'viecap', 'viecap')
    with pytest.raises(CheckpointError) as error:
        CaptionInferencer(folder, device='cpu')
    place = tmp_path / 'cache' / 'published' / VOCABULARY
    assert f'entities_talk2dino_coco.py {place}`' in str(error.value)
    assert f'with_ensemble.pickle into {place.parent}' in str(error.value)
    assert '\n' not in str(error.value)
    (tmp_path / 'checkpoints').mkdir()
    write_vocabulary(tmp_path / 'checkpoints')
    prompt = CaptionInferencer(folder, device='cpu').model.caption_head.decoder.hard_prompt
    assert prompt.names == ['bike', 'dog', 'person']
    assert (prompt.top_k, prompt.threshold) == (2, 0.4)
    write_vocabulary(folder, space='talk2dino-vitb14-reg-original')
    with pytest.raises(CheckpointError, match="of the space 'talk2dino-vitb14-reg' and caption_"):
        CaptionInferencer(folder, device='cpu')


@pytest.mark.parametrize('named', [False, True])
def test_a_published_vocabulary_is_converted(tmp_path, named):
    place = tmp_path / 'cache' / 'published' / 'Patch-ioner_talk2dino_viecap_COCO_Captions'
    folder = write_repository(place if named else tmp_path / 'viecap', 'viecap')
    rows = torch.randn(80, WIDTH, generator=torch.Generator().manual_seed(0))
    with (folder / 'coco_embeddings_ViT-B16_t2d__with_ensemble.pickle').open('wb') as stream:
        pickle.dump(rows, stream)
    model = CaptionInferencer('talk2dino-viecap-coco' if named else folder, device='cpu').model
    prompt = model.caption_head.decoder.hard_prompt
    assert prompt.names[:3] == ['airplane', 'apple', 'backpack']
    torch.testing.assert_close(prompt.directions, torch.nn.functional.normalize(rows, dim=1))
    assert (tmp_path / 'cache' / 'published' / VOCABULARY).is_file()


@pytest.fixture
def benchmark(tmp_path):
    """A test config of the system with a memory, on one photo."""
    image = tmp_path / 'photo.png'
    Image.fromarray(colours(60, 80)).save(image)
    (tmp_path / 'photos.jsonl').write_text(json.dumps(dict(image='photo.png', captions=['a dog'])))
    cfg = Config.fromfile(available_models()['talk2dino-decap-coco'])
    add_test_loader(cfg, 'ImageCaptionDataset', tmp_path / 'photos.jsonl', tmp_path)
    cfg.test_evaluator = dict(type='mmpatchioner.ImageCaptionMetric', meteor=False)
    cfg.test_cfg = dict(type='TestLoop')
    cfg.custom_imports = dict(imports=['tiny_captioner'])
    cfg.dump(tmp_path / 'benchmark.py')
    return tmp_path / 'benchmark.py'


def test_evaluations_take_published_checkpoints(tmp_path, benchmark):
    place = tmp_path / 'cache' / 'published'
    write_repository(place / 'Patch-ioner_talk2dino_decap_COCO_Captions', 'decap')
    torch.manual_seed(0)
    inferencer = CaptionInferencer('talk2dino-decap-coco', device='cpu')
    expected = inferencer(colours(60, 80)[..., ::-1], whole_image=True)[0][0]
    rows = tmp_path / 'rows.jsonl'
    arguments = ('--work-dir', tmp_path / 'run', '--out', rows)
    torch.manual_seed(0)
    assert run('test', benchmark, 'talk2dino-decap-coco', *arguments) == 0
    _, row = map(json.loads, rows.read_text().splitlines())
    (found,) = row['predictions']
    assert found['caption'] == expected.caption
    assert found['score'] == pytest.approx(expected.caption_score, abs=1e-4)


def test_evaluations_of_another_system_are_refused(tmp_path, benchmark, capsys):
    folder = write_repository(tmp_path / 'capdec', 'capdec')
    assert run('test', benchmark, folder, '--work-dir', tmp_path / 'run') == 2
    error = capsys.readouterr().err
    assert 'with caption_head.bridge.type mmpatchioner.IdentityBridge; this one has' in error
    assert error.count('\n') == 1


@pytest.mark.parametrize(
    'config',
    [
        'mini/mini_flickr8k-val_image.py',
        'patchioner/patchioner_dinov2-l-reg_talk2dino_memory_vg12_dense.py',
        'patchioner/patchioner_dinov3-b_talk2dino_memory_vg12_dense.py',
        'patchioner/patchioner_clip-b16_memory_vg12_dense.py',
    ],
)
def test_configs_of_other_backbones_are_refused(tmp_path, capsys, config):
    folder = write_repository(tmp_path / 'decap', 'decap')
    path = Path(__file__).parents[2] / 'configs' / config
    assert run('test', path, folder, '--work-dir', tmp_path / 'run') == 2
    error = capsys.readouterr().err
    assert (
        'expected a config of its system, as patchioner_dinov2-b-reg_talk2dino_memory_coco is'
        in error
    )
    assert error.count('\n') == 1
    assert not (tmp_path / 'cache').exists()  # before anything is converted


def test_offline_and_unfit_ones(tmp_path):
    with pytest.raises(CheckpointError, match='talk2dino-decap-coco: its files are not on this'):
        CaptionInferencer('talk2dino-decap-coco', device='cpu')
    with pytest.raises(CheckpointError, match=r'with config\.yaml; it has none'):
        CaptionInferencer('talk2dino-decap-coco', weights=tmp_path / 'x.pth', device='cpu')
    with pytest.raises(InputError, match="unknown name .*Did you mean 'talk2dino-decap-coco'"):
        CaptionInferencer('talk2dino-decapp-coco', device='cpu')
