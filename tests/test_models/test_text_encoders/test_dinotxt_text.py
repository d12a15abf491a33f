import pytest
import torch
from torch.nn import functional as F

from mmpatchioner.checkpoints.dinotxt import text_tower_names
from mmpatchioner.models.decoders import train_bpe
from mmpatchioner.models.text_encoders import (
    DINOTxtTextEncoder,
    DINOTxtTextTower,
    build_text_encoder,
)
from mmpatchioner.models.text_encoders.packing import pack_texts

TEXTS = ['a dog runs on the grass', 'two people ride a bike', 'a red car', 'sky']
TOWER = dict(vocab_size=80, dims=32, num_layers=2, num_heads=4, max_length=16, out_dims=24)


@pytest.fixture(scope='module')
def tokenizer(tmp_path_factory) -> dict:
    path = tmp_path_factory.mktemp('tokenizer') / 'tokenizer.json'
    train_bpe(TEXTS, vocab_size=80, path=path)
    return dict(type='mmpatchioner.CaptionTokenizer', file=str(path))


@pytest.fixture
def build(tokenizer):
    def build(**kwargs) -> DINOTxtTextEncoder:
        torch.manual_seed(0)
        cfg = dict(type='mmpatchioner.DINOTxtTextEncoder', tower=TOWER, tokenizer=tokenizer)
        encoder = build_text_encoder({**cfg, **kwargs})
        for parameter in encoder.parameters():
            parameter.data += 0.1 * torch.randn_like(parameter)
        return encoder

    return build


def published_tower(state: dict, ids: torch.Tensor, heads: int) -> torch.Tensor:
    """Vectors of all positions as DINO.txt defines them, over its published names."""
    dims = state['backbone.token_embedding.weight'].shape[1]
    tokens = state['backbone.token_embedding.weight'][ids]
    tokens = tokens + state['backbone.positional_embedding'][: len(ids)]
    past = torch.ones(len(ids), len(ids)).tril() == 0
    for i in range(2):
        start = f'backbone.blocks.{i}.'
        part = {n.removeprefix(start): v for n, v in state.items() if n.startswith(start)}
        normed = F.layer_norm(
            tokens, (dims,), part['attention_norm.weight'], part['attention_norm.bias']
        )
        q, k, v = (normed @ part['attention.qkv.weight'].T).chunk(3, dim=-1)
        outputs = []
        for head in range(heads):
            columns = slice(head * dims // heads, (head + 1) * dims // heads)
            logits = q[:, columns] @ k[:, columns].T / (dims // heads) ** 0.5
            outputs.append(logits.masked_fill(past, -torch.inf).softmax(dim=-1) @ v[:, columns])
        attended = torch.cat(outputs, dim=-1) @ part['attention.proj.weight'].T
        tokens = tokens + attended + part['attention.proj.bias']
        normed = F.layer_norm(tokens, (dims,), part['ffn_norm.weight'], part['ffn_norm.bias'])
        hidden = normed @ part['feed_forward.fc1.weight'].T + part['feed_forward.fc1.bias']
        tokens = tokens + F.gelu(hidden) @ part['feed_forward.fc2.weight'].T
        tokens = tokens + part['feed_forward.fc2.bias']
    normed = F.layer_norm(
        tokens, (dims,), state['backbone.ln_final.weight'], state['backbone.ln_final.bias']
    )
    return normed @ state['head.linear_projection.weight'].T


@torch.no_grad()
def test_the_end_marker_stands_for_the_text(build):
    encoder = build(half='both')
    own = encoder.tower.state_dict()
    state = {theirs: own[ours] for theirs, ours in text_tower_names(num_layers=2).items()}
    encoded = encoder.encode(TEXTS)
    assert encoded.shape == (4, 24) and encoder.embed_dims == 24
    for text, vector in zip(TEXTS, encoded, strict=True):
        ids = torch.tensor(encoder.tokenizer.encode(text))
        expected = published_tower(state, ids, heads=4)[-1]
        torch.testing.assert_close(vector, expected, atol=1e-5, rtol=1e-5)


def test_the_halves_of_a_vector(build):
    both, patches = build(half='both'), build()
    classes = build(half='class')
    whole = both.encode(TEXTS)
    torch.testing.assert_close(patches.encode(TEXTS), whole[:, 12:])
    torch.testing.assert_close(classes.encode(TEXTS), whole[:, :12])
    assert patches.embed_dims == classes.embed_dims == 12
    spaces = [encoder.space for encoder in (patches, classes, both)]
    assert spaces == [
        'dinotxt-vitl14-reg',
        'dinotxt-vitl14-reg_class',
        'dinotxt-vitl14-reg_both',
    ]
    assert len({encoder.fingerprint() for encoder in (patches, classes, both)}) == 3


def test_padding_and_batches_change_nothing(build):
    encoder = build()
    one_by_one = torch.cat([encoder.encode([text]) for text in TEXTS])
    torch.testing.assert_close(encoder.encode(TEXTS), one_by_one, atol=1e-5, rtol=1e-5)


def test_long_texts_are_cut_and_keep_their_end(build):
    encoder = build()
    long = 'a red car ' * 20
    token_ids, ends = pack_texts(['sky', long], encoder.tokenizer, 16, encoder.device)
    assert token_ids.shape == (2, 16) and ends.tolist() == [
        len(encoder.tokenizer.encode('sky')) - 1,
        15,
    ]
    assert token_ids[[0, 1], ends].tolist() == [encoder.tokenizer.eos_id] * 2
    torch.testing.assert_close(encoder.encode([long]), encoder.encode([long + ' dog']))


def test_the_published_tower_has_its_published_sizes():
    with torch.device('meta'):
        tower = DINOTxtTextTower()
    shapes = {name: tuple(tensor.shape) for name, tensor in tower.state_dict().items()}
    assert set(shapes) == set(text_tower_names(num_layers=24).values())
    assert shapes['projection.weight'] == (2048, 1280)
    assert shapes['blocks.23.attention.qkv.weight'] == (3840, 1280)
    assert tower.blocks[0].attention.num_heads == 20


def test_options_are_checked(build):
    with pytest.raises(ValueError, match=r'encoder\.half'):
        build(half='first')
    with pytest.raises(ValueError, match='at most 40 tokens'):
        build(tower={**TOWER, 'vocab_size': 40})
