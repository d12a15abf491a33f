"""Captions and scores of the DeCap decoder (`decap.decap`)."""

from __future__ import annotations

from torch import Tensor

from tests.tools.parity import small_decap
from tests.tools.parity.drawing import Draw

PREFIX_DIMS = 16
UNTRAINED = 50000  # an id of the model that its tokenizer does not have


def record() -> tuple[dict[str, Tensor], dict]:
    draw = Draw(0)
    weights = small_decap.random_weights(draw, PREFIX_DIMS)
    module, model = small_decap.released_decap(), small_decap.load(weights, PREFIX_DIMS)
    vectors = draw.normal(12, PREFIX_DIMS)
    texts, scores = module.decoding_batched(model, vectors, compute_scores=True)
    stored, tokens = small_decap.without_zeros(weights)
    values = {'prefix_dims': PREFIX_DIMS, 'texts': texts, 'scores': scores, 'tokens': tokens}
    return {'vectors': vectors, **_prefixed(stored)}, {
        **values,
        'faults': _faults(weights, vectors),
    }


def _prefixed(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f'weights.{name}': tensor for name, tensor in weights.items()}


def _faults(weights: dict[str, Tensor], vectors: Tensor) -> dict:
    decoding = small_decap.released_decap().decoding_batched
    table = weights['decoder.transformer.wte.weight'].clone()
    table[UNTRAINED] = 3 * table[small_decap.START]
    changed = {
        name: table if 'wte' in name or 'lm_head' in name else weights[name] for name in weights
    }
    distributed = {f'module.{name}': tensor for name, tensor in weights.items()}
    loaded = small_decap.load(distributed, PREFIX_DIMS).state_dict()
    return {
        'texts_with_an_untrained_token': decoding(small_decap.load(changed, PREFIX_DIMS), vectors),
        'weights_with_module_before_their_names_are_loaded': any(
            loaded[name].equal(weights[name]) for name in weights
        ),
    }
