"""The decode loop against the plain one, and beam search against looking at every sequence."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mmpatchioner.models.decoders import Nucleus, TokenSequences, Transformer, decode
from mmpatchioner.models.decoders.generation import pad_prompts

STOP = 3
VOCAB, DIMS = 40, 32


def make(vocab: int = VOCAB, seed: int = 0, stop_bias: float = 0.0) -> Transformer:
    """Random weights large enough that sequences differ; ``stop_bias`` makes them end."""
    torch.manual_seed(seed)
    transformer = Transformer(vocab, DIMS, num_layers=2, num_heads=4, max_positions=32).eval()
    for parameter in transformer.parameters():
        if parameter.ndim == 2:
            parameter.data.normal_(std=0.5)
    transformer.position_embedding.weight.data.normal_()
    # The outputs have a constant part along the bias of the last norm.
    transformer.norm.bias.data.normal_()
    direction = F.normalize(transformer.norm.bias.data, dim=0)
    transformer.token_embedding.weight.data[STOP] += stop_bias * direction
    return transformer


@torch.no_grad()
def plain_greedy(transformer: Transformer, prompts: Tensor, max_length: int, vocab: int) -> list:
    """One sequence at a time, everything anew at every step."""
    results = []
    for prompt in prompts:
        inputs, ids, log_probs = prompt[None], [], []
        while len(ids) < max_length and (not ids or ids[-1] != STOP):
            logits = transformer.logits(transformer(inputs)[0, -1], vocab)
            ids.append(int(logits.argmax()))
            log_probs.append(logits.log_softmax(dim=0)[ids[-1]])
            token = transformer.token_embedding.weight[ids[-1]]
            inputs = torch.cat([inputs, token[None, None]], dim=1)
        results.append((ids, torch.stack(log_probs)))
    return results


def sequences(result: TokenSequences) -> list[list[int]]:
    return [row[:n] for row, n in zip(result.ids.tolist(), result.lengths.tolist(), strict=True)]


@pytest.mark.parametrize('positions', [1, 3])
@pytest.mark.parametrize('seed', range(4))
def test_greedy_is_the_plain_loop(seed, positions):
    transformer = make(seed=seed, stop_bias=1.5)
    prompts = 3 * torch.randn(17, positions, DIMS)
    result = decode(transformer, prompts, stop_ids=[STOP], max_length=12, vocab_size=30)
    expected = plain_greedy(transformer, prompts, 12, 30)
    assert sequences(result) == [ids for ids, _ in expected]
    for row, (ids, log_probs) in enumerate(expected):
        torch.testing.assert_close(
            result.log_probs[row, : len(ids)], log_probs, atol=1e-5, rtol=1e-5
        )
        assert not result.log_probs[row, len(ids) :].any()
        assert (result.ids[row, len(ids) :] == STOP).all()
        assert result.scores[row] == pytest.approx(log_probs.mean().item(), abs=1e-5)


@torch.no_grad()
def test_the_full_length_counts_the_tokens_after_the_end():
    transformer = make(stop_bias=1.5)
    prompts = 3 * torch.randn(9, 1, DIMS)
    options = dict(stop_ids=[STOP], max_length=12, vocab_size=30)
    result = decode(transformer, prompts, full_length=True, **options)
    short = decode(transformer, prompts, **options)
    assert sequences(result) == sequences(short) and short.full_log_probs is None
    torch.testing.assert_close(result.log_probs, short.log_probs, atol=1e-5, rtol=1e-5)
    assert (short.lengths < 12).any()
    for row, prompt in enumerate(prompts):
        inputs, total = prompt[None], 0.0
        for _ in range(12):  # never stops
            logits = transformer.logits(transformer(inputs)[0, -1])
            token = logits[
                :30
            ].argmax()  # but what is never produced has its share of the probability
            total += logits.log_softmax(dim=0)[token].item()
            inputs = torch.cat([inputs, transformer.token_embedding(token)[None, None]], dim=1)
        assert result.full_log_probs[row].item() == pytest.approx(total, abs=1e-4)


def test_beams_have_no_full_length():
    with pytest.raises(ValueError, match='expected greedy search'):
        decode(
            make(),
            torch.zeros(1, 1, DIMS),
            stop_ids=[STOP],
            max_length=5,
            num_beams=2,
            full_length=True,
        )


def test_the_cases_are_not_vacuous():
    lengths, tokens = set(), set()
    for seed in range(4):
        prompts = 3 * torch.randn(17, 1, DIMS)
        result = decode(
            make(seed=seed, stop_bias=1.5), prompts, stop_ids=[STOP], max_length=12, vocab_size=30
        )
        lengths |= set(result.lengths.tolist())
        tokens |= set(result.ids.flatten().tolist())
    assert len(lengths) >= 6 and len(tokens) >= 15


@pytest.mark.parametrize('num_beams', [1, 4])
def test_results_do_not_depend_on_the_batch(num_beams):
    transformer = make(stop_bias=1.5)
    prompts = 3 * torch.randn(23, 1, DIMS)
    options = dict(stop_ids=[STOP], max_length=12, num_beams=num_beams)
    together = decode(transformer, prompts, **options)
    order = torch.randperm(23)
    shuffled = decode(transformer, prompts[order], **options)
    assert sequences(shuffled) == [sequences(together)[row] for row in order]
    for row in range(23):
        alone = decode(transformer, prompts[row : row + 1], **options)
        assert sequences(alone)[0] == sequences(together)[row]
        torch.testing.assert_close(alone.scores[0], together.scores[row], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize('options', [{}, {'num_beams': 4}, {'nucleus': Nucleus(seed=5)}])
def test_prompts_of_different_lengths_are_decoded_as_alone(options):
    transformer = make(stop_bias=1.5)
    ragged = [3 * torch.randn(1 + row % 5, DIMS) for row in range(19)]
    prompts, starts = pad_prompts(ragged)
    options = dict(stop_ids=[STOP], max_length=12, **options)
    together = decode(transformer, prompts, starts=starts, **options)
    for row, prompt in enumerate(ragged):
        alone = decode(transformer, prompt[None], **options)
        assert sequences(alone)[0] == sequences(together)[row]
        torch.testing.assert_close(alone.scores[0], together.scores[row], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize('num_beams', [1, 3])
def test_the_longest_length_ends_a_sequence(num_beams):
    prompts = torch.randn(5, 1, DIMS)
    transformer = make(stop_bias=-20.0)
    for max_length in (1, 2, 7):
        result = decode(
            transformer, prompts, stop_ids=[STOP], max_length=max_length, num_beams=num_beams
        )
        assert result.ids.shape == (5, max_length)
        assert result.lengths.tolist() == [max_length] * 5


@pytest.mark.parametrize('num_beams', [1, 3])
def test_no_prompts_are_legal(num_beams):
    result = decode(
        make(), torch.zeros(0, 1, DIMS), stop_ids=[STOP], max_length=5, num_beams=num_beams
    )
    assert result.ids.shape == (0, 0) and result.scores.shape == (0,)


@pytest.mark.parametrize('num_beams', [1, 3])
def test_tokens_beyond_the_vocabulary_are_never_produced(num_beams):
    prompts = 3 * torch.randn(20, 1, DIMS)
    result = decode(
        make(), prompts, stop_ids=[STOP], max_length=10, vocab_size=5, num_beams=num_beams
    )
    assert result.ids.max() < 5


@torch.no_grad()
def every_sequence(transformer: Transformer, prompt: Tensor, max_length: int) -> dict:
    """Mean log-probability of every sequence that ends with the stop token or at the longest length."""
    vocab = transformer.token_embedding.num_embeddings
    words = [token for token in range(vocab) if token != STOP]
    scores = {}
    for length in range(1, max_length + 1):
        starts = list(itertools.product(words, repeat=length - 1))
        tokens = torch.tensor(starts, dtype=torch.int64).reshape(len(starts), length - 1)
        inputs = transformer.token_embedding(tokens)
        inputs = torch.cat([prompt.expand(len(starts), 1, DIMS), inputs], dim=1)
        log_probs = transformer.logits(transformer(inputs)).log_softmax(dim=-1)
        totals = log_probs[:, :-1].gather(2, tokens[..., None]).sum(dim=(1, 2))
        for last in range(vocab) if length == max_length else [STOP]:
            means = ((totals + log_probs[:, -1, last]) / length).tolist()
            scores |= {(*start, last): mean for start, mean in zip(starts, means, strict=True)}
    return scores


@pytest.mark.parametrize('seed', range(4))
def test_wide_beams_find_the_best_of_all_sequences(seed):
    transformer = make(vocab=4, seed=seed, stop_bias=0.5)
    prompts = 2 * torch.randn(3, 1, DIMS)
    result = decode(transformer, prompts, stop_ids=[STOP], max_length=4, num_beams=3**4)
    for row, prompt in enumerate(prompts):
        scores = every_sequence(transformer, prompt, max_length=4)
        best = max(scores, key=scores.__getitem__)
        assert tuple(sequences(result)[row]) == best
        assert result.scores[row] == pytest.approx(scores[best], abs=1e-5)


@torch.no_grad()
def plain_beams(transformer: Transformer, prompt: Tensor, max_length: int, width: int) -> tuple:
    """Beam search over one prompt as it is usually told: lists, no cache, no early decision."""
    beams = [((), 0.0, 0.0)]  # tokens, sum, mean
    for length in range(1, max_length + 1):
        candidates = []
        for tokens, total, mean in beams:
            if tokens and tokens[-1] == STOP:
                candidates.append((tokens, total, mean))
                continue
            inputs = torch.cat([prompt, transformer.token_embedding.weight[list(tokens)]])
            logits = transformer.logits(transformer(inputs[None])[0, -1])
            for token, gain in enumerate(logits.log_softmax(dim=0).tolist()):
                candidates.append(((*tokens, token), total + gain, (total + gain) / length))
        beams = sorted(candidates, key=lambda beam: -beam[2])[:width]
    return beams[0]


@pytest.mark.parametrize('width', [1, 2, 3, 7])
@pytest.mark.parametrize('seed', range(3))
def test_beam_search_is_the_plain_one(seed, width):
    transformer = make(vocab=12, seed=seed, stop_bias=1.5)
    prompts = 2 * torch.randn(8, 1, DIMS)
    result = decode(transformer, prompts, stop_ids=[STOP], max_length=9, num_beams=width)
    for row, prompt in enumerate(prompts):
        tokens, _, mean = plain_beams(transformer, prompt, 9, width)
        assert tuple(sequences(result)[row]) == tokens
        assert result.scores[row] == pytest.approx(mean, abs=1e-5)


def test_beams_score_at_least_as_well_as_greedy_on_average():
    transformer = make(stop_bias=1.5)
    prompts = 3 * torch.randn(40, 1, DIMS)
    greedy = decode(transformer, prompts, stop_ids=[STOP], max_length=12)
    beams = decode(transformer, prompts, stop_ids=[STOP], max_length=12, num_beams=5)
    assert beams.scores.mean() > greedy.scores.mean()


def test_the_work_shrinks_with_the_batch(monkeypatch):
    transformer = make(stop_bias=1.5)
    rows, logits = [], transformer.logits

    def counted(hidden: Tensor, vocab_size: int | None = None) -> Tensor:
        rows.append(len(hidden))
        return logits(hidden, vocab_size)

    monkeypatch.setattr(transformer, 'logits', counted)
    result = decode(transformer, 3 * torch.randn(64, 1, DIMS), stop_ids=[STOP], max_length=12)
    needed = [int((result.lengths > step).sum()) for step in range(len(rows))]
    assert len(rows) == int(result.lengths.max())
    assert all(done <= need * 8 / 7 + 1 for done, need in zip(rows, needed, strict=True))
