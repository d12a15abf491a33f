"""ViECap: entities, prompts, captions and perplexities (`viecap.entrypoint.VieCap` and what it calls)."""

from __future__ import annotations

import json
import math
import pickle
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor, nn

from tests.tools.parity.drawing import Draw, rounded
from tests.tools.parity.released import SCRATCH, released

DIMS, HIDDEN, LAYERS, HEADS, POSITIONS = 24, 32, 2, 2, 128
ENTITIES = ['brown dog', 'cat', 'person', 'traffic light']
WORDS = """
    a the of in on with near two man men woman child dog cat horse bird car bus train bike street grass tree water snow
    table bed room door food red blue green white small large old young sitting standing riding playing looking is are
"""
REAL_BANK = 'coco_embeddings_ViT-B16_t2d__with_ensemble.pickle'
NUM_REAL = 40


def record() -> tuple[dict[str, Tensor], dict]:
    draw = Draw(0)
    tokenizer = _tokenizer()
    folder = _language_model(tokenizer)
    bank = draw.normal(len(ENTITIES), DIMS)
    weights = _weights(folder, tokenizer, draw)
    vectors = _vectors(bank, draw)
    greedy, beam = _build(folder, weights, bank, True), _build(folder, weights, bank, False)
    logits = released('viecap.retrieval_categories').image_text_simiarlity(
        bank.clone(), images_features=vectors.clone()
    )
    chosen, _ = released('viecap.retrieval_categories').top_k_categories(ENTITIES, logits, 3, 0.4)
    prompts = [
        released('viecap.utils').compose_discrete_prompts(greedy.tokenizer, names).tolist()
        for names in chosen
    ]
    captions = [greedy(vector[None].clone()) for vector in vectors]
    given = vectors.clone()
    together, perplexities = greedy(given, compute_scores=True)
    values = {
        'sizes': {'num_layers': LAYERS, 'num_heads': HEADS},
        'tokenizer': json.loads(tokenizer.to_str()),
        'entities': ENTITIES,
        'chosen': chosen,
        'prompts': prompts,
        'captions': captions,
        'perplexities': _perplexities(greedy, captions),
        'beams': [beam(vector[None].clone())[0] for vector in vectors],
        'real': _real_entities(draw),
        'faults': {
            'together': together,
            'perplexities_together': perplexities,
            'type_of_one': type(captions[0]).__name__,
            'perplexities_of_one': len(greedy(vectors[:1].clone(), compute_scores=True)[1]),
            'perplexity_of_one_token_is_nan': math.isnan(_perplexities(greedy, ['.'])[0]),
            'vectors_are_changed': not torch.equal(given, vectors),
        },
    }
    tensors = {'vectors': vectors, 'bank': bank, 'entity_shares': logits}
    tensors |= {
        f'weights.{name}': tensor for name, tensor in weights.items() if 'lm_head' not in name
    }
    return tensors, values


def _perplexities(model: Any, captions: list[str]) -> list[float]:
    return model.compute_perplexity(captions, model.tokenizer, model.model.gpt, 'cpu')


def _tokenizer() -> Tokenizer:
    """Byte-level tokens like GPT-2's, every word one of them."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(initial_alphabet=alphabet, vocab_size=1000, show_progress=False)
    words = [*WORDS.split(), *' '.join(ENTITIES).split(), 'something', 'image', '.']
    tokenizer.train_from_iterator(
        ['There', *(f' {word}' for word in words for _ in range(9))], trainer
    )
    return tokenizer


def _language_model(tokenizer: Tokenizer) -> Path:
    """A folder as transformers reads it; the released code looks for `gpt` in its name."""
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    folder = SCRATCH / 'small-gpt2'
    config = GPT2Config(
        vocab_size=tokenizer.get_vocab_size(),
        n_embd=HIDDEN,
        n_layer=LAYERS,
        n_head=HEADS,
        n_positions=POSITIONS,
    )
    GPT2LMHeadModel(config).save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
    return folder


def _weights(folder: Path, tokenizer: Tokenizer, draw: Draw) -> dict[str, Tensor]:
    """A checkpoint in the published layout, which says words and, after some of them, full stops."""
    network = released('viecap.ClipCap').ClipCaptionModel(10, 10, DIMS, gpt_type=str(folder))
    weights = {}
    for name, tensor in network.state_dict().items():
        if name == 'gpt.lm_head.weight':
            continue
        # Conv1D of GPT-2 is stored as (in, out), the layers of the mapper as (out, in).
        fan_in = tensor.shape[0 if name.startswith('gpt.') else -1] if tensor.ndim > 1 else 100
        gain = 3 if name.startswith('gpt.') else 1
        weights[name] = rounded(draw.normal(*tensor.shape) * gain / fan_in**0.5)
        if ('norm' in name or '.ln_' in name) and name.endswith('weight'):
            weights[name] = rounded(1 + 0.1 * draw.normal(*tensor.shape))
    words = [*(f' {word}' for word in WORDS.split()), '.', ' .']
    ids = [tokenizer.encode(word).ids for word in words]
    assert all(len(each) == 1 for each in ids), 'a word is not one token'
    table = 0.05 * draw.normal(tokenizer.get_vocab_size(), HIDDEN)
    table[[each[0] for each in ids]] = draw.normal(len(ids), HIDDEN)
    weights['gpt.transformer.wte.weight'] = rounded(table)
    weights['gpt.transformer.wpe.weight'] = draw.normal(POSITIONS, HIDDEN)
    weights['gpt.lm_head.weight'] = weights['gpt.transformer.wte.weight']
    return weights


def _vectors(bank: Tensor, draw: Draw) -> Tensor:
    """Vectors like one entity, two, and none, so that prompts are of different lengths."""
    unit = bank / bank.norm(dim=1, keepdim=True)
    rows = [unit[0], unit[1], unit[1] + unit[2], unit[3], unit.sum(0), unit[0] + unit[3]]
    return rounded(torch.stack(rows) * 3 + draw.normal(len(rows), DIMS, scale=0.01))


def _build(folder: Path, weights: dict[str, Tensor], bank: Tensor, greedy: bool) -> nn.Module:
    vocabulary = SCRATCH / 'annotations' / 'vocabulary'
    vocabulary.mkdir(parents=True, exist_ok=True)
    (vocabulary / 'coco_categories.json').write_text(json.dumps(ENTITIES))
    embeddings = vocabulary / 'coco_embeddings_small_with_ensemble.pickle'
    embeddings.write_bytes(pickle.dumps(bank.clone()))
    torch.save(weights, SCRATCH / 'coco_prefix-0014.pt')
    config = {
        'language_model': str(folder),
        'weight_path': str(SCRATCH / 'coco_prefix-0014.pt'),
        'files_path': str(SCRATCH),
        'name_of_entities_text': 'coco_entities',
        'prompt_ensemble': True,
        'suffix': 'small',
        'clip_hidden_size': DIMS,
        'threshold': 0.4,
        'using_hard_prompt': True,
        'soft_prompt_first': True,
        'using_greedy_search': greedy,
    }
    with redirect_stdout(StringIO()):
        return released('viecap.entrypoint').VieCap(config, 'cpu', 'ViT-B/16')


def _real_entities(draw: Draw) -> list[dict]:
    """Names that the shipped embeddings of 80 categories give to mixtures of two of their own rows."""
    module = released('viecap.retrieval_categories')
    vocabulary = Path(module.__file__).parent / 'vocabulary'
    names = released('viecap.load_annotations').load_entities_text(
        'coco_entities', str(vocabulary / 'coco_categories.json'), True
    )
    bank = module.clip_texts_embeddings(names, str(vocabulary / REAL_BANK)).float()
    directions = bank / bank.norm(dim=1, keepdim=True)
    cases = []
    for first, second in draw.integers(len(names), NUM_REAL, 2).tolist():
        share = round(0.495 + 0.01 * float(draw.uniform(1)), 4)
        vector = share * directions[first] + (1 - share) * directions[second]
        shares = module.image_text_simiarlity(bank.clone(), images_features=vector[None])
        found, best = module.top_k_categories(names, shares, 3, 0.4)
        if best[0, 0] - best[0, 1] < 0.01:
            continue  # the order of equals is a matter of rounding
        case = {'rows': [first, second], 'share': share, 'names': found[0]}
        cases.append({**case, 'shares': best[0].tolist()})
    return cases
