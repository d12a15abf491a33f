"""Two processes with half a batch each train like one with the whole batch."""

from __future__ import annotations

import pytest
import torch
from torch.nn.parallel import DistributedDataParallel

from mmpatchioner.models.trainers import AlignmentTrainer
from tests.processes import run_ranks

GOALS = [dict(texts='captions', pooling=pooling) for pooling in ('text_weighted', 'mean')]


def make_trainer():
    torch.manual_seed(0)
    projection = dict(type='mmpatchioner.TextProjection', in_dims=6, hidden_dims=8, out_dims=5)
    return AlignmentTrainer(projection, GOALS, patch_temperature=0.1)


def make_batch(rows):
    generator = torch.Generator().manual_seed(1)
    batch = dict(
        features={'patches': torch.randn(8, 4, 5, generator=generator)},
        texts={
            'captions': {
                'embeddings': torch.randn(8, 1, 6, generator=generator),
                # The text of image 0 is that of image 5 as well; image 3 has none.
                'ids': torch.tensor([0, 1, 2, -1, 4, 0, 6, 7])[:, None],
            }
        },
        image_ids=torch.arange(8),
    )
    return {
        'features': {'patches': batch['features']['patches'][rows]},
        'texts': {'captions': {k: v[rows] for k, v in batch['texts']['captions'].items()}},
        'image_ids': batch['image_ids'][rows],
    }


def train_step(rank):
    model = DistributedDataParallel(make_trainer())
    losses = model(**make_batch(slice(4 * rank, 4 * rank + 4)))
    total, _ = model.module.parse_losses(losses)
    total.backward()
    return total.item(), {name: p.grad for name, p in model.module.named_parameters()}


def work(rank, folder):
    torch.save(train_step(rank), f'{folder}/{rank}.pt')


def test_loss_and_gradients_equal_those_of_one_process(tmp_path):
    trainer = make_trainer()
    expected, _ = trainer.parse_losses(trainer(**make_batch(slice(None))))
    expected.backward()
    run_ranks(work, tmp_path)
    for rank in range(2):
        total, gradients = torch.load(tmp_path / f'{rank}.pt', weights_only=True)
        assert total == pytest.approx(expected.item(), rel=1e-5)
        for name, parameter in trainer.named_parameters():
            assert torch.allclose(gradients[name], parameter.grad, atol=1e-6), name
