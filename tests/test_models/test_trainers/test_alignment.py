from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from mmpatchioner.evaluation.metrics import ImageTextRetrieval
from mmpatchioner.models.trainers import AlignmentTrainer

TEXT_DIMS, PATCH_DIMS = 10, 8
PROJECTION = dict(
    type='mmpatchioner.TextProjection', in_dims=TEXT_DIMS, hidden_dims=32, out_dims=PATCH_DIMS
)


def make_batch(num_images=24, num_patches=6, seed=0):
    """Every image has a few patches that say, in the other space, what its two captions say."""
    generator = torch.Generator().manual_seed(seed)
    bases = torch.randn(TEXT_DIMS, PATCH_DIMS, generator=torch.Generator().manual_seed(9))
    texts = F.normalize(torch.randn(num_images, 2, TEXT_DIMS, generator=generator), dim=-1)
    patches = 0.3 * torch.randn(num_images, num_patches, PATCH_DIMS, generator=generator)
    patches[:, :2] += texts @ bases
    ids = torch.arange(2 * num_images).view(num_images, 2)
    return dict(
        features={'patches': patches.half(), 'heads': patches[:, :3].half()},
        texts={'captions': {'embeddings': texts, 'ids': ids}},
        image_ids=torch.arange(num_images),
    )


def train(trainer, batch, steps=150):
    optimizer = torch.optim.AdamW(trainer.parameters(), lr=1e-2)
    history = []
    for _ in range(steps):
        losses = trainer(**batch)
        total, _ = trainer.parse_losses(losses)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        history.append(total.item())
    return history


@pytest.mark.parametrize('pooling', ['mean', 'head_selection', 'mean_head_sum', 'text_weighted'])
def test_learns_the_alignment(pooling):
    torch.manual_seed(0)
    trainer = AlignmentTrainer(
        PROJECTION,
        [dict(texts='captions', pooling=pooling)],
        texts_per_image=2,
        patch_temperature=0.1,
    )
    batch = make_batch()
    history = train(trainer, batch)
    assert sum(history[-10:]) < 0.6 * sum(history[:10])
    metric = ImageTextRetrieval(pooling=pooling, patch_temperature=0.1, ks=(1, 5))
    with torch.no_grad():
        metric.process(None, trainer(**make_batch(seed=1), mode='predict'))
    chance = 5 / 24 * 100
    assert metric.evaluate(24)['retrieval/t2i_R@5'] > 1.5 * chance


def test_terms_are_weighted_and_named():
    torch.manual_seed(0)
    goals = [
        dict(texts='captions', pooling='text_weighted'),
        dict(texts='captions', pooling='mean', weight=0.0),
    ]
    losses = AlignmentTrainer(PROJECTION, goals, temperature=0.05)(**make_batch())
    assert losses['loss_captions_mean'] == 0
    assert losses['loss_captions_text_weighted'] > 0
    assert set(losses) >= {'accuracy_captions_mean', 'temperature'}
    assert float(losses['temperature']) == pytest.approx(0.05)


def test_images_without_a_text_take_no_part():
    trainer = AlignmentTrainer(PROJECTION, [dict(texts='captions', pooling='mean')])
    batch = make_batch()
    group = batch['texts']['captions']
    group['ids'][4:] = -1
    group['embeddings'][4:] = 0
    loss, _ = trainer.parse_losses(trainer(**batch))
    loss.backward()
    assert torch.isfinite(loss)
    for parameter in trainer.parameters():
        assert torch.isfinite(parameter.grad).all()


def test_texts_are_drawn_among_those_of_the_image():
    trainer = AlignmentTrainer(PROJECTION, texts_per_image={'captions': 3})
    ids = torch.tensor([[7, 8, 9, -1], [5, -1, -1, -1], [-1, -1, -1, -1]])
    group = {'ids': ids, 'embeddings': torch.randn(3, 4, TEXT_DIMS)}
    _, drawn = trainer._draw_texts(group, 3)
    drawn = drawn.view(3, 3)
    assert sorted(drawn[0].tolist()) == [7, 8, 9]
    assert drawn[1].tolist() == [5, 5, 5]
    assert drawn[2].tolist() == [-1, -1, -1]
    firsts = {int(trainer._draw_texts(group, 1)[1][0]) for _ in range(50)}
    assert firsts == {7, 8, 9}


def test_some_patches_in_a_step():
    trainer = AlignmentTrainer(PROJECTION, num_patches=4)
    features = make_batch()['features']
    drawn = trainer._draw_patches(features)
    assert drawn['patches'].shape == (24, 4, PATCH_DIMS)
    assert drawn['patches'].dtype == torch.float32
    assert drawn['heads'].shape == (24, 3, PATCH_DIMS)
    assert features['patches'].shape == (24, 6, PATCH_DIMS)


def test_whitening_is_applied_and_exported():
    goals = [dict(texts='captions', pooling='mean')]
    trainer = AlignmentTrainer(PROJECTION, goals, patch_dims=PATCH_DIMS, space='joint')
    assert [weights.name for weights in trainer.exports()] == ['projection', 'feature_transform']
    mean, whiten = torch.randn(PATCH_DIMS), torch.randn(PATCH_DIMS, PATCH_DIMS)
    trainer.set_whitening(mean, whiten)
    batch = make_batch()
    predicted = trainer(**batch, mode='predict')[3]['features']['patches']
    expected = (batch['features']['patches'][3].float() - mean) @ whiten
    assert torch.allclose(predicted.float(), expected, atol=1e-2, rtol=1e-2)
    transform = trainer.exports()[1]
    assert torch.equal(transform.tensors['whiten'], whiten)
    assert transform.metadata['space'] == 'joint'
    assert trainer.whiten.grad is None
    train(trainer, batch, steps=2)
    assert torch.equal(trainer.whiten, whiten)
    with pytest.raises(ValueError, match='patch_dims: expected 9'):
        trainer.set_whitening(torch.zeros(9), torch.eye(9))


def test_whitening_can_be_trained():
    goals = [dict(texts='captions', pooling='mean')]
    trainer = AlignmentTrainer(PROJECTION, goals, patch_dims=PATCH_DIMS, trainable_whitening=True)
    trainer.set_whitening(torch.zeros(PATCH_DIMS), torch.eye(PATCH_DIMS))
    train(trainer, make_batch(), steps=2)
    assert not torch.equal(trainer.whiten, torch.eye(PATCH_DIMS))


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(objectives=[dict(texts='captions', pooling='best')]), r'objectives\[0\]'),
        (dict(objectives=[dict(pooling='mean')]), r'objectives\[0\]'),
        (dict(temperature=0), 'temperature'),
        (dict(patch_temperature=-1), 'patch_temperature'),
    ],
)
def test_options_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        AlignmentTrainer(PROJECTION, **options)
    with pytest.raises(ValueError, match='mode'):
        AlignmentTrainer(PROJECTION)(**make_batch(), mode='tensor')
