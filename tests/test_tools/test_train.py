"""Training by its command: losses, resuming, exports, refusals."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
import torch

from mmpatchioner.checkpoints import load_memory, load_metadata, load_state_dict
from mmpatchioner.engine import AtomicCheckpointHook
from mmpatchioner.models.decoders import PrefixDecoder
from mmpatchioner.models.necks import FeatureTransform
from mmpatchioner.models.text_encoders import TextProjection
from tests.commands import load_tool
from tests.test_engine.tiny_models import CAPTIONS, WordVectorEncoder, write_captions, write_photos

ROOT = Path(__file__).parents[2]


train = load_tool('train')
build_memory = load_tool('build_memory')

DECODER = """
_base_ = ['{root}/configs/_base_/default_runtime.py']
corpus = dict(sources=dict(path='{captions}'))
encoder = dict(type='mmpatchioner.WordVectorEncoder')
data = dict(type='mmpatchioner.CaptionEmbeddingDataset', corpus=corpus, encoder=encoder, cache_dir='{cache}')
train_tokenizer = dict(corpus=corpus, vocab_size=300)
model = dict(
    type='mmpatchioner.TextDecoderTrainer', space='words', noise=dict(type='mmpatchioner.GaussianNoise', std=0.02),
    decoder=dict(
        type='mmpatchioner.PrefixDecoder', prefix_dims=32, hidden_dims=32, num_layers=2, num_heads=2,
        vocab_size=300, max_positions=32, dropout=0.1,
        tokenizer=dict(type='mmpatchioner.CaptionTokenizer', file=None)))
train_dataloader = dict(
    batch_size=4, sampler=dict(type='InfiniteSampler'), collate_fn=dict(type='default_collate'), dataset=data)
val_dataloader = dict(
    batch_size=4, sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'), dataset=data)
val_cfg = dict(type='ValLoop')
val_evaluator = dict(type='mmpatchioner.LossMetric')
train_cfg = dict(type='IterBasedTrainLoop', max_iters=12, val_interval=6)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=1e-2))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.25, by_epoch=False, begin=0, end=4),
    dict(type='LinearLR', start_factor=1.0, end_factor=0.0, by_epoch=False, begin=4, end=12)]
default_hooks = dict(logger=dict(interval=1), checkpoint=dict(interval=3))
log_processor = dict(window_size=1)
custom_hooks = [dict(type='mmpatchioner.StepSeedHook'), dict(type='mmpatchioner.ExportHook')]
"""

ALIGNMENT = """
_base_ = ['{root}/configs/_base_/default_runtime.py']
data = dict(
    type='mmpatchioner.PatchFeatureTextDataset', corpus=dict(sources=dict(path='{captions}')),
    image_root='{photos}', encoder=dict(type='mmpatchioner.WordVectorEncoder'), neck=dict(type='mmpatchioner.TinyNeck'),
    view=dict(size=32), phrases=True, cache_dir='{cache}')
model = dict(
    type='mmpatchioner.AlignmentTrainer', space='joint', patch_dims=24, num_patches=16,
    projection=dict(type='mmpatchioner.TextProjection', in_dims=32, out_dims=24),
    objectives=[
        dict(texts='captions', pooling='text_weighted'), dict(texts='phrases', pooling='text_weighted', weight=0.5)])
train_dataloader = dict(
    batch_size=4, sampler=dict(type='InfiniteSampler'), collate_fn=dict(type='default_collate'), dataset=data)
val_dataloader = dict(
    batch_size=4, sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'), dataset=data)
val_cfg = dict(type='ValLoop')
val_evaluator = dict(type='mmpatchioner.ImageTextRetrieval', pooling='text_weighted')
train_cfg = dict(type='IterBasedTrainLoop', max_iters=4, val_interval=4)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=1e-2))
custom_hooks = [
    dict(type='mmpatchioner.StepSeedHook'), dict(type='mmpatchioner.ExportHook'),
    dict(type='mmpatchioner.WhiteningHook', num_images=6)]
"""


@pytest.fixture
def decoder_config(tmp_path):
    captions = write_captions(tmp_path / 'captions.txt')
    path = tmp_path / 'decoder.py'
    path.write_text(DECODER.format(root=ROOT, captions=captions, cache=tmp_path / 'cache'))
    return path


def run(config, work_dir, *arguments):
    name = f'experiment_name={work_dir.name}_{len(list(work_dir.glob("*")))}'
    return train.main(
        [
            str(config),
            '--work-dir',
            str(work_dir),
            *arguments,
            '--cfg-options',
            name,
            'launcher=none',
        ]
    )


def history(work_dir):
    """Loss and learning rate of every step, of all runs in the folder."""
    lines = [
        json.loads(line)
        for path in sorted(work_dir.glob('*/vis_data/scalars.json'))
        for line in path.read_text().splitlines()
    ]
    return {entry['step']: (entry['loss'], entry['lr']) for entry in lines if 'lr' in entry}


class StoppedError(Exception):
    """The run was killed."""


def test_training_resumes_exactly(decoder_config, tmp_path, monkeypatch):
    whole, stopped = tmp_path / 'whole', tmp_path / 'stopped'
    assert run(decoder_config, whole) == 0
    expected = history(whole)
    assert sorted(expected) == list(range(1, 13))
    assert expected[12][0] < expected[1][0]

    # Both runs shall use one tokenizer: training one twice may number its tokens differently.
    stopped.mkdir()
    for tokenizer in whole.glob('tokenizer-*.json'):
        shutil.copy(tokenizer, stopped)

    save = AtomicCheckpointHook.after_train_iter

    def stop_at_8(self, runner, *arguments, **keywords):
        save(self, runner, *arguments, **keywords)
        if runner.iter == 7:
            raise StoppedError

    with monkeypatch.context() as patch:
        patch.setattr(AtomicCheckpointHook, 'after_train_iter', stop_at_8)
        with pytest.raises(StoppedError):
            run(decoder_config, stopped)
    assert not (stopped / 'export').exists()
    first = history(stopped)
    assert run(decoder_config, stopped, '--resume') == 0
    # Steps 7 and 8 were lost with the run and are done again.
    assert history(stopped) == expected
    assert {step: first[step] for step in (7, 8)} == {step: expected[step] for step in (7, 8)}
    ends = [
        torch.load(folder / 'iter_12.pth', weights_only=True)['state_dict']
        for folder in (whole, stopped)
    ]
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


def test_what_a_run_leaves(decoder_config, tmp_path):
    work_dir = tmp_path / 'run'
    assert run(decoder_config, work_dir) == 0
    assert sorted(path.name for path in work_dir.glob('*.pth')) == ['iter_12.pth', 'iter_9.pth']
    metadata = load_metadata(work_dir / 'export' / 'decoder.safetensors')
    assert metadata['space'] == 'words'
    assert metadata['iterations'] == '12'
    assert len(metadata['config_sha256']) == 64
    decoder = PrefixDecoder(
        prefix_dims=32,
        hidden_dims=32,
        num_layers=2,
        num_heads=2,
        vocab_size=300,
        max_positions=32,
        tokenizer=dict(
            type='mmpatchioner.CaptionTokenizer', file=str(work_dir / 'export' / 'tokenizer.json')
        ),
        init_cfg=dict(
            type='Pretrained', checkpoint=str(work_dir / 'export' / 'decoder.safetensors')
        ),
    )
    decoder.init_weights()
    assert len(decoder.generate(WordVectorEncoder().encode(CAPTIONS)).texts) == len(CAPTIONS)
    log = next(work_dir.glob('*/*.log')).read_text()
    for word in ('loss:', 'accuracy:', 'lr:', 'eta:', 'val/loss:', '8 texts read'):
        assert word in log


def test_alignment(tmp_path):
    listing = write_photos(tmp_path / 'photos')
    config = tmp_path / 'alignment.py'
    config.write_text(
        ALIGNMENT.format(
            root=ROOT, captions=listing, photos=listing.parent, cache=tmp_path / 'cache'
        )
    )
    work_dir = tmp_path / 'run'
    assert run(config, work_dir) == 0
    log = next(work_dir.glob('*/*.log')).read_text()
    assert 'retrieval/t2i_R@1' in log
    assert 'Whitening fitted to 6 images' in log
    export = work_dir / 'export'
    projection = TextProjection(
        in_dims=32,
        out_dims=24,
        init_cfg=dict(type='Pretrained', checkpoint=str(export / 'projection.safetensors')),
    )
    projection.init_weights()
    transform = FeatureTransform(str(export / 'feature_transform.safetensors'))
    assert (transform.in_dims, transform.out_dims) == (24, 24)
    assert not torch.equal(transform.whiten, torch.eye(24))


class Intruder:
    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


def test_malicious_checkpoint_is_refused(decoder_config, tmp_path, capsys):
    evil = tmp_path / 'evil.pth'
    torch.save({'state_dict': {}, 'meta': Intruder(tmp_path / 'mark')}, evil)
    assert run(decoder_config, tmp_path / 'run', '--resume', str(evil)) == 2
    assert 'mkdir' in capsys.readouterr().err
    assert not (tmp_path / 'mark').exists()


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (None, 'no such config file'),
        ('model = (', 'was never closed'),
        ('_base_ = ["missing.py"]', 'missing.py'),
        ('model = dict()', 'it lacks train_dataloader'),
    ],
)
def test_config_errors_are_one_line(tmp_path, capsys, content, message):
    config = tmp_path / 'config.py'
    if content is not None:
        config.write_text(content)
    assert train.main([str(config)]) == 2
    error = capsys.readouterr().err.strip()
    assert message in error
    assert error.startswith('train.py: error: ')
    assert len(error.splitlines()) == 1


def test_resume_errors(decoder_config, tmp_path, capsys):
    assert run(decoder_config, tmp_path / 'run', '--resume', 'no.pth') == 2
    assert '--resume no.pth: no such checkpoint' in capsys.readouterr().err
    if not torch.cuda.is_available():
        assert run(decoder_config, tmp_path / 'run', '--amp') == 2
        assert '--amp' in capsys.readouterr().err


def test_published_configs_are_complete():
    for path in sorted((ROOT / 'configs' / 'training').glob('*.py')):
        if 'memory' in path.stem:
            continue
        args = train.parse_args([str(path)])
        cfg = train.load_config(args)
        assert cfg.train_cfg.max_iters > 0
        assert cfg.work_dir == f'work_dirs/{path.stem}'


@pytest.mark.parametrize(
    ('name', 'noise', 'batch_size', 'max_iters', 'rate'),
    [
        ('decap_talk2dino_coco', None, 64, 88_550, 1e-5),
        ('decap_talk2dino_coco_noise', 0.08, 64, 88_550, 1e-5),
        ('viecap_talk2dino_coco', 0.016**0.5, 80, 106_260, 2e-5),
        ('capdec_talk2dino_coco', 0.016**0.5, 36, 157_420, 2e-5),
        ('close-single_talk2dino_coco', 0.12, 64, 88_550, 1e-5),
        ('close-multiple_talk2dino_coco', 0.04, 64, 88_550, 1e-5),
        ('clipcap_dinov2-b-reg_coco', None, 40, 103_520, 2e-5),
    ],
)
def test_published_recipes(name, noise, batch_size, max_iters, rate):
    cfg = train.load_config(train.parse_args([str(ROOT / f'configs/training/{name}.py')]))
    assert (cfg.model.get('noise') or {}).get('std') == noise
    assert cfg.train_dataloader.batch_size == batch_size
    assert cfg.train_cfg.max_iters == cfg.param_scheduler[-1].end == max_iters
    assert cfg.optim_wrapper.optimizer.lr == rate


def test_build_memory(decoder_config, tmp_path, capsys):
    out = tmp_path / 'memory.safetensors'
    assert (
        build_memory.main([str(decoder_config), str(out), '--dtype', 'bf16', '--batch-size', '3'])
        == 0
    )
    memory = load_memory(out)
    assert list(memory.texts) == CAPTIONS
    assert memory.space == 'words'
    assert memory.metadata['encoder_sha256'] == WordVectorEncoder().fingerprint()
    assert memory.embeddings.dtype == torch.bfloat16
    expected = WordVectorEncoder().encode(CAPTIONS)
    assert torch.allclose(memory.embeddings.float(), expected, atol=1e-2)
    assert '8 x 32 bf16' in capsys.readouterr().out
    assert build_memory.main([str(decoder_config), str(out), '--no-texts']) == 0
    assert load_memory(out).texts is None
    assert 'text_bytes' not in load_state_dict(out)


def test_build_memory_errors(tmp_path, capsys):
    assert build_memory.main(['no.py', 'out.safetensors']) == 2
    assert 'no such config file' in capsys.readouterr().err
    config = tmp_path / 'config.py'
    config.write_text("corpus = dict(sources=dict(path='no.txt'))")
    assert build_memory.main([str(config), 'out.safetensors']) == 2
    assert "it lacks ['encoder']" in capsys.readouterr().err
    config.write_text(
        "corpus = dict(sources=dict(path='no.txt'))\nencoder = dict(type='mmpatchioner.SentenceTextEncoder')"
    )
    assert build_memory.main([str(config), 'out.safetensors']) == 2
    assert 'no.txt: no such file' in capsys.readouterr().err
