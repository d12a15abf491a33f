"""Nucleus sampling against the distribution that it draws from."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from mmpatchioner.models.decoders.sampling import Nucleus, NucleusSearch

PROBABILITIES = torch.tensor([0.02, 0.4, 0.05, 0.25, 0.18, 0.1])


def draw(nucleus: Nucleus, probabilities: torch.Tensor = PROBABILITIES, steps: int = 1):
    """Tokens and their log-probabilities, of one sequence with the same distribution at every step."""
    search = NucleusSearch(1, steps, [0], torch.device('cpu'), nucleus)
    search.stop_ids = torch.tensor([-1])
    for _ in range(steps):
        search.advance(probabilities.log()[None].clone())
    return search.ids[0], search.log_probs[0]


@pytest.mark.parametrize(
    ('top_p', 'kept'), [(0.3, [1]), (0.6, [1, 3]), (0.8, [1, 3, 4]), (0.9, [1, 3, 4, 5]), (1.0, range(6))]
)  # fmt: skip
def test_frequencies_are_the_probabilities_of_the_nucleus(top_p, kept):
    steps = 4000
    tokens, _ = draw(Nucleus(top_p, seed=3), steps=steps)
    counts = Counter(tokens.tolist())
    assert set(counts) == set(kept)
    held = PROBABILITIES[list(kept)]
    for token, expected in zip(kept, (held / held.sum()).tolist(), strict=True):
        deviation = (expected * (1 - expected) / steps) ** 0.5
        assert counts[token] / steps == pytest.approx(expected, abs=4 * deviation + 1e-9)


def test_first_tokens_of_many_seeds_are_as_frequent():
    counts = Counter(int(draw(Nucleus(1.0, seed=seed))[0]) for seed in range(2000))
    for token, expected in enumerate(PROBABILITIES.tolist()):
        assert counts[token] / 2000 == pytest.approx(expected, abs=0.05)


def test_scores_are_the_probabilities_of_the_model_whatever_is_drawn_from():
    tokens, log_probs = draw(Nucleus(0.6, temperature=2.0, seed=1), steps=20)
    torch.testing.assert_close(log_probs, PROBABILITIES.log()[tokens])


def test_temperature_flattens_what_is_drawn_from():
    cold, _ = draw(Nucleus(1.0, temperature=0.05, seed=2), steps=200)
    hot, _ = draw(Nucleus(1.0, temperature=50.0, seed=2), steps=200)
    assert set(cold.tolist()) == {1}
    assert len(set(hot.tolist())) == 6


def test_a_seed_fixes_what_is_drawn():
    first, again, other = (
        draw(Nucleus(0.9, seed=seed), steps=30)[0].tolist() for seed in (4, 4, 5)
    )
    assert first == again != other


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'top_p': 0.0}, 'decoder.top_p: expected more than 0, up to 1, got 0.0'),
        ({'top_p': 1.5}, 'got 1.5'),
        ({'temperature': 0.0}, 'decoder.temperature: expected more than 0'),
    ],
)
def test_numbers_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Nucleus(**arguments)
