"""Every training config, reduced, trains and hands over its weights; every memory config builds a memory."""

from __future__ import annotations

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mmpatchioner.apis.zoo import config_root
from mmpatchioner.checkpoints import load_memory, load_state_dict
from mmpatchioner.engine.tokenizer_training import train_tokenizer
from tests.commands import TOOLS, run
from tests.reductions import WIDTH, reduce_parts
from tests.reductions.training import reduce_training
from tests.test_engine.tiny_models import CAPTIONS, write_captions

_BUILT = ('memory_', 'entities_')
_LISTED = [
    path
    for path in sorted(config_root().rglob('*.py'))
    if '_base_' not in path.parts and not path.stem.startswith('_')
]
BUILT = [path for path in _LISTED if path.stem.startswith(_BUILT)]
TRAINED = [path for path in _LISTED if path not in BUILT and Config.fromfile(path).get('train_cfg')]


def test_nothing_is_left_out():
    """What neither trains nor builds a memory captions, and is tested beside this."""
    names = {path.stem for path in TRAINED}
    assert {'decap_talk2dino_coco', 'viecap_talk2dino_coco', 'capdec_talk2dino_coco'} <= names
    assert {'close-single_talk2dino_coco', 'clipcap_dinov2-b-reg_coco', 'alignment'} <= names
    rest = [Config.fromfile(path) for path in _LISTED if path not in (*TRAINED, *BUILT)]
    assert all(cfg.get('test_pipeline') for cfg in rest)


@pytest.mark.parametrize('path', TRAINED, ids=lambda path: path.stem)
def test_every_training_takes_steps(path, folder, tmp_path):
    cfg = Config.fromfile(path)
    reduce_training(cfg, folder)
    cfg.work_dir = str(tmp_path / 'run')
    cfg.experiment_name = f'{path.stem}_{tmp_path.name}'
    runner = Runner.from_cfg(train_tokenizer(cfg))
    runner.model.init_weights()
    before = {name: tensor.clone() for name, tensor in runner.model.named_parameters()}
    trained = runner.train()
    losses = runner.message_hub.get_scalar('train/loss').data[0]
    assert len(losses) == cfg.train_cfg.max_iters
    assert all(torch.isfinite(torch.tensor(losses)))
    # The first rates of a warm-up are lost beside the ones that norms begin with.
    learnt = [
        name for name, p in trained.named_parameters() if p.requires_grad and 'norm' not in name
    ]
    still = [name for name in learnt if torch.equal(before[name], trained.state_dict()[name])]
    assert learnt and not still
    exported = sorted((tmp_path / 'run' / 'export').glob('*.safetensors'))
    names = {'decoder'} if 'decoder' in cfg.model else {'projection'}
    assert names <= {file.stem for file in exported}
    weights = trained.decoder if 'decoder' in cfg.model else trained.projection
    saved = load_state_dict(tmp_path / 'run' / 'export' / f'{names.pop()}.safetensors')
    for name, tensor in weights.state_dict().items():
        assert torch.equal(saved[name], tensor.cpu())


@pytest.mark.parametrize('path', BUILT, ids=lambda path: path.stem)
def test_every_memory_is_built(path, folder, tmp_path):
    cfg = Config.fromfile(path)
    reduce_parts(cfg._cfg_dict, folder)
    if path.stem.startswith('entities_'):
        source = TOOLS.parent / cfg.corpus.sources.path
        expected = sorted(source.read_text().split('\n')[:-1])
        cfg.corpus.sources.path = str(source)
    else:
        captions = write_captions(tmp_path / 'captions.txt', [*CAPTIONS, CAPTIONS[0]])
        # Phrases are distinct by themselves, captions by `dedupe`.
        dedupe = 'phrases' in cfg.corpus or cfg.corpus.get('dedupe', True)
        cfg.corpus = dict(sources=dict(path=str(captions)), dedupe=dedupe)
        expected = sorted(CAPTIONS)
    cfg.pop('medoids', None)
    cfg.dump(tmp_path / 'config.py')
    out = tmp_path / 'memory.safetensors'
    assert run('build_memory', tmp_path / 'config.py', out, '--device', 'cpu') == 0
    memory = load_memory(out)
    assert sorted(memory.texts) == expected
    assert memory.embed_dims == WIDTH
    assert memory.space
