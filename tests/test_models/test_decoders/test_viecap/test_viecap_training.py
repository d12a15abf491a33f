"""ViECap's decoder learns from text alone, beside the names that captions mention."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from transformers import GPT2Config, GPT2LMHeadModel

from mmpatchioner.checkpoints import CheckpointError, Memory
from mmpatchioner.models.decoders import ViECapDecoder
from mmpatchioner.models.decoders.viecap import CaptionEntities
from mmpatchioner.models.trainers import TextDecoderTrainer
from tests.commands import load_tool
from tests.reductions.text import CAPTIONS
from tests.reductions.viecap import NAMES, write_gpt2_tokenizer
from tests.test_engine.tiny_models import WordVectorEncoder, write_captions

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope='module')
def config(tmp_path_factory):
    tokenizer = write_gpt2_tokenizer(tmp_path_factory.mktemp('gpt2') / 'tokenizer.json')
    bank = Memory.from_rows(WordVectorEncoder().encode(NAMES), texts=NAMES)
    return dict(
        type='mmpatchioner.ViECapDecoder',
        prefix_dims=32,
        hidden_dims=32,
        num_layers=2,
        num_heads=2,
        vocab_size=320,
        max_positions=96,
        dropout=0.0,
        soft_prompt=dict(num_layers=2, num_heads=2, num_inputs=2, num_outputs=3),
        hard_prompt=dict(type='mmpatchioner.EntityPrompt', entities=bank),
        caption_entities=dict(type='mmpatchioner.CaptionEntities', names=NAMES),
        tokenizer=dict(type='mmpatchioner.GPT2Tokenizer', file=str(tokenizer)),
        max_length=20,
    )


def build(config, **changes):
    cfg = {k: v for k, v in (config | changes).items() if k != 'type'}
    return ViECapDecoder(**cfg)


def test_captions_that_were_learnt_are_written_again(config):
    torch.manual_seed(0)
    trainer = TextDecoderTrainer(config, noise=dict(type='mmpatchioner.GaussianNoise', std=0.01))
    embeddings = WordVectorEncoder().encode(CAPTIONS)
    optimizer = torch.optim.AdamW(trainer.parameters(), lr=5e-3)
    losses = []
    for _ in range(150):
        loss = trainer(embeddings, CAPTIONS)['loss']
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 5
    written = trainer.decoder.generate(embeddings).texts
    assert [text.lower() for text in written] == CAPTIONS
    names = [export.name for export in trainer.exports()]
    assert names == ['decoder']
    assert not any('hard_prompt' in name for name in trainer.exports()[0].tensors)


def test_captions_of_other_lengths_do_not_change_a_loss(config):
    decoder = build(
        config, caption_entities=dict(type='mmpatchioner.CaptionEntities', names=NAMES, drop=0.0)
    )
    decoder.eval()
    embeddings = WordVectorEncoder().encode(CAPTIONS)
    counts = torch.tensor(
        [len(decoder.tokenizer.encode(f'{c[0].upper()}{c[1:]}.')) for c in CAPTIONS]
    )
    single = torch.stack([
        decoder.loss(embeddings[i, None], [caption])['loss'] for i, caption in enumerate(CAPTIONS)
    ])  # fmt: skip
    together = decoder.loss(embeddings, CAPTIONS)['loss']
    torch.testing.assert_close(together, (single * counts).sum() / counts.sum())


def test_training_begins_with_a_language_model(config, tmp_path):
    sizes = dict(vocab_size=320, n_positions=96, n_embd=32, n_layer=2, n_head=2)
    model = GPT2LMHeadModel(GPT2Config(**sizes)).eval()
    model.save_pretrained(tmp_path / 'gpt2')
    decoder = build(config, language_model=str(tmp_path / 'gpt2')).eval()
    decoder.init_weights()
    ids = torch.arange(12)[None]
    embedded = decoder.transformer.token_embedding(ids)
    with torch.no_grad():
        ours = decoder.transformer.logits(decoder.transformer(embedded))
        torch.testing.assert_close(ours, model(ids).logits, rtol=1e-4, atol=1e-4)
    with pytest.raises(CheckpointError):
        build(config, num_layers=1, language_model=str(tmp_path / 'gpt2')).init_weights()


def test_without_a_writer_of_prompts_there_is_no_training(config):
    decoder = build(config, caption_entities=None)
    with pytest.raises(ValueError, match='caption_entities: expected a config'):
        decoder.loss(torch.ones(1, 32), ['a dog'])


@pytest.fixture
def recipe():
    return Config.fromfile(ROOT / 'configs' / 'training' / 'viecap_talk2dino_coco.py')


def test_the_recipe_has_the_published_numbers(recipe):
    optimizer = recipe.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.lr, optimizer.eps, optimizer.weight_decay) == (
        'AdamW',
        2e-5,
        1e-6,
        0,
    )
    assert recipe.train_dataloader.batch_size == 80
    assert recipe.train_cfg.max_iters == 15 * (566_747 // 80)
    assert (recipe.param_scheduler[0].end, recipe.randomness.seed) == (5000, 30)
    assert recipe.model.noise.std == pytest.approx(0.1265, abs=1e-4)
    assert CaptionEntities(**without_type(recipe.model.decoder.caption_entities)).drop == 0.4


def without_type(cfg):
    return {key: value for key, value in cfg.items() if key != 'type'}


def test_the_recipe_trains_by_its_command(recipe, config, tmp_path):
    """In small: a tiny language model to begin with, a few captions, two steps."""
    sizes = dict(vocab_size=320, n_positions=96, n_embd=32, n_layer=2, n_head=2)
    GPT2LMHeadModel(GPT2Config(**sizes)).save_pretrained(tmp_path / 'gpt2')
    entities = tmp_path / 'entities.safetensors'
    config['hard_prompt']['entities'].save(entities)
    decoder = recipe.model.decoder
    for key, value in config.items():
        if key not in ('hard_prompt', 'caption_entities'):
            decoder[key] = value
    decoder.language_model = str(tmp_path / 'gpt2')
    decoder.caption_entities.names = str(ROOT / decoder.caption_entities.names)
    decoder.hard_prompt.entities = str(entities)
    corpus = dict(sources=dict(path=str(write_captions(tmp_path / 'captions.txt'))))
    for loader in (recipe.train_dataloader, recipe.val_dataloader):
        loader.update(batch_size=4, num_workers=0, persistent_workers=False)
        loader.dataset = dict(
            type='mmpatchioner.CaptionEmbeddingDataset',
            corpus=corpus,
            encoder=dict(type='mmpatchioner.WordVectorEncoder'),
            cache_dir=str(tmp_path / 'cache'),
        )
    recipe.train_cfg.update(max_iters=2, val_interval=2)
    recipe.dump(tmp_path / 'recipe.py')
    train = load_tool('train')
    options = ['launcher=none', f'experiment_name=viecap_{tmp_path.name}']
    arguments = [str(tmp_path / 'recipe.py'), '--work-dir', str(tmp_path / 'run')]
    assert train.main([*arguments, '--cfg-options', *options]) == 0
    exported = tmp_path / 'run' / 'export' / 'decoder.safetensors'
    trained = build(config, init_cfg=dict(type='Pretrained', checkpoint=str(exported)))
    trained.init_weights()
    assert trained.space == 'talk2dino-vitb14-reg'


class TestCaptionEntities:
    @pytest.mark.parametrize(
        ('caption', 'names'),
        [
            ('Two men walk their dogs.', ['person', 'dog']),
            ('a hot dog on a bench', ['hot dog']),
            ('buses and a bus', ['bus']),
            ('a carpet', []),
            ('The DOG sees a dog', ['dog']),
        ],
    )
    def test_words_of_the_vocabulary_are_found(self, caption, names):
        writer = CaptionEntities(['dog', 'hot dog', 'person', 'bus', 'car'], drop=0.0)
        assert writer.entities(caption) == names

    def test_people_count_only_where_a_person_is_a_name(self):
        assert CaptionEntities(['dog']).entities('a man') == []

    def test_names_are_left_out_at_random(self):
        torch.manual_seed(0)
        prompts = CaptionEntities(['dog'], drop=0.4)(['a dog'] * 2000)
        share = sum('dog' in prompt for prompt in prompts) / 2000
        assert share == pytest.approx(0.6, abs=0.05)

    def test_a_file_has_a_name_a_line(self, tmp_path):
        (tmp_path / 'names.txt').write_text('cat\n\ndog\n')
        assert CaptionEntities(tmp_path / 'names.txt').entities('a dog, a cat') == ['dog', 'cat']

    @pytest.mark.parametrize(('arguments', 'message'), [(([],), 'names'), ((['a'], 2.0), 'drop')])
    def test_unfit_arguments_are_refused(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            CaptionEntities(*arguments)
