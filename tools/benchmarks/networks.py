"""The models of the benchmark: published sizes, random weights, no download."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer, models
from torch import Tensor

from benchmarks.caption_lengths import plan_captions
from benchmarks.published import PublishedDecoder
from mmpatchioner.models.decoders import PrefixDecoder


@dataclass(frozen=True)
class Sizes:
    """Sizes of everything that is measured; the defaults are the published ones.

    Args:
        hidden: Width of backbone, memory and decoder.
        decoder_layers: Blocks of the decoder.
        heads: Attention heads of the decoder.
        vocab_size: Tokens of the decoder.
        tokens: Tokens of the tokenizer, CLIP's, the last two being start-of-text and end-of-text.
        max_positions: Positions of the decoder.
        memory_rows: Rows of the memory.
        input_side: Side of the network's input, pixels.
        patch_size: Side of a patch, pixels.
        backbone_layers: Blocks of the backbone.
        backbone_heads: Attention heads of the backbone.
        decode: Numbers of regions that are decoded.
        project: Regions that are projected on the memory.
        pool: Boxes that are pooled.
        image: Boxes of the image that is captioned end to end.
        scaling: Numbers of boxes whose costs are compared.
    """

    hidden: int = 768
    decoder_layers: int = 4
    heads: int = 4
    vocab_size: int = 50257
    tokens: int = 49408
    max_positions: int = 1024
    memory_rows: int = 100_000
    input_side: int = 518
    patch_size: int = 14
    backbone_layers: int = 12
    backbone_heads: int = 12
    decode: tuple[int, ...] = (1, 8, 64)
    project: int = 100
    pool: int = 200
    image: int = 50
    scaling: tuple[int, int] = (100, 200)

    @classmethod
    def tiny(cls) -> Sizes:
        """Sizes for a test of the benchmark itself."""
        return cls(
            hidden=64, decoder_layers=2, heads=2, vocab_size=320, tokens=300, max_positions=40,
            memory_rows=500, input_side=112, backbone_layers=2, backbone_heads=2, decode=(1, 3, 12),
            project=9, pool=12, image=8, scaling=(6, 12),
        )  # fmt: skip

    @property
    def start_id(self) -> int:
        """Id of start-of-text."""
        return self.tokens - 2

    @property
    def end_id(self) -> int:
        """Id of end-of-text."""
        return self.tokens - 1


def published_decoder(
    sizes: Sizes, embeddings: Tensor, lengths: Tensor, seed: int = 0
) -> PublishedDecoder:
    """The released network, with weights that caption ``embeddings`` (R, D) at ``lengths`` (R,) tokens."""
    decoder = PublishedDecoder(
        embeddings.shape[1],
        sizes.hidden,
        sizes.decoder_layers,
        sizes.heads,
        sizes.vocab_size,
        sizes.max_positions,
    )
    plan_captions(decoder, embeddings, lengths, sizes.start_id, sizes.end_id, seed)
    return decoder


def decoder_config(sizes: Sizes, tokenizer: Path) -> dict:
    """Config of a :class:`PrefixDecoder` of the same sizes, with a tokenizer file of :func:`write_tokenizer`."""
    return dict(
        type='mmpatchioner.PrefixDecoder',
        prefix_dims=sizes.hidden,
        hidden_dims=sizes.hidden,
        num_layers=sizes.decoder_layers,
        num_heads=sizes.heads,
        vocab_size=sizes.vocab_size,
        max_positions=sizes.max_positions,
        tokenizer=dict(type='mmpatchioner.CaptionTokenizer', file=str(tokenizer)),
    )


def write_tokenizer(sizes: Sizes, folder: Path) -> Path:
    """Write a tokenizer as large as CLIP's, whose words are numbers."""
    vocabulary = {f'w{index}</w>': index for index in range(sizes.tokens - 2)}
    vocabulary |= {'<|startoftext|>': sizes.start_id, '<|endoftext|>': sizes.end_id}
    path = folder / 'tokenizer.json'
    Tokenizer(models.BPE(vocab=vocabulary, merges=[])).save(str(path))
    return path


def copy_weights(source: PublishedDecoder, target: PrefixDecoder) -> None:
    """Give our decoder the weights of the released network."""
    gpt2 = source.gpt2.transformer
    modules = {
        'prefix': source.prefix,
        'transformer.token_embedding': gpt2.wte,
        'transformer.position_embedding': gpt2.wpe,
        'transformer.norm': gpt2.ln_f,
    }
    transposed = {}
    for index, block in enumerate(gpt2.h):
        name = f'transformer.blocks.{index}.'
        modules |= {name + 'norm1': block.ln_1, name + 'norm2': block.ln_2}
        transposed |= {
            name + 'attention.qkv': block.attn.c_attn,
            name + 'attention.proj': block.attn.c_proj,
            name + 'fc1': block.mlp.c_fc,
            name + 'fc2': block.mlp.c_proj,
        }
    state = {
        f'{name}.{key}': value
        for name, m in modules.items()
        for key, value in m.state_dict().items()
    }
    for name, module in transposed.items():  # transformers stores these (in, out)
        state[f'{name}.weight'] = module.weight.detach().T
        state[f'{name}.bias'] = module.bias.detach()
    target.load_state_dict(state)
    target.eval()
