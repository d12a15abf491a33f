"""Decoder weights whose captions are as long as real ones.

Random weights never end a caption at a sensible place, and a decoder that stops at the end of the text is only measured
fairly on captions of real length. So a GPT-2 is given random weights, and on top of them a small circuit that ends
the caption of each region after a number of tokens fixed beforehand. Nothing is trained.

The circuit owns four directions of the residual stream, which no random weight reads into the logits or writes:

* the prefix of region r, position 0, carries a code of its length L_r on direction ``code``;
* the last head of the first block always looks at position 0, whose position embedding lies on direction ``first`` (its
  key) while the query is a bias; it copies ``code`` to direction ``clock``;
* position t adds t to ``clock``, so that t - L_r + 1/2 stands there, and the embedding of end-of-text points along it:
  it is the likeliest token from step L_r on, and before that the least likely;
* position 0 also points along ``opening``, the direction of start-of-text, which is therefore the first token, as in
  the published decoders.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from benchmarks.published import PublishedDecoder

# Thousandths of the 202,654 captions of COCO val2014 by their number of words and punctuation marks; 20 stands for
# 20 and more.
_COCO_LENGTHS = {
    7: 4, 8: 50, 9: 172, 10: 208, 11: 194, 12: 139, 13: 91, 14: 54, 15: 32, 16: 19, 17: 12, 18: 7, 19: 5, 20: 13,
}  # fmt: skip

_FIRST_SCALE = 20.0  # of direction `first` at position 0: with it the layer norm there is nearly the same for all
_PREFIX_SCALE = 10.0  # of the random part of the prefix
_CLOCK_STEP = 0.1  # what one position adds to `clock`
_SHARPNESS = 60.0  # query bias of the head that looks at position 0
_END_SCALE = 400.0  # of end-of-text along `clock`: half a step decides, against any other token
_OPENING_SCALE = 4.0  # of start-of-text along `opening`
# Of the random weights, 0.02 for all others: captions neither repeat one token nor forget their region.
_STDS = {'wte': 0.03, 'wpe': 0.05, 'attn.c_proj': 0.01, 'mlp.c_proj': 0.05}


def coco_lengths(count: int, seed: int = 0) -> Tensor:
    """Tokens of ``count`` captions, (count,) long: quantiles of COCO's distribution, shuffled."""
    values = torch.tensor(list(_COCO_LENGTHS))
    bounds = torch.tensor(list(_COCO_LENGTHS.values())).cumsum(0) / 1000
    middles = (torch.arange(count) + 0.5) / count
    quantiles = values[torch.searchsorted(bounds, middles)]
    return quantiles[torch.randperm(count, generator=torch.Generator().manual_seed(seed))]


@torch.no_grad()
def plan_captions(
    decoder: PublishedDecoder,
    embeddings: Tensor,
    lengths: Tensor,
    start_id: int,
    end_id: int,
    seed: int = 0,
) -> None:
    """Give a decoder weights with which the caption of every region has the planned length.

    Args:
        decoder: Its weights are replaced.
        embeddings: (R, D) unit embeddings of the regions, linearly independent.
        lengths: (R,) tokens of each caption, start-of-text included, end-of-text not.
        start_id: Id of start-of-text.
        end_id: Id of end-of-text, the tokenizer's last.
        seed: Of the random weights.
    """
    generator = torch.Generator().manual_seed(seed)
    _fill_randomly(decoder, generator)
    first, code, clock, opening = _directions(decoder.prefix.out_features)
    _forget(decoder, torch.stack([first, code, clock, opening]))

    middle = (float(lengths.min()) + float(lengths.max())) / 2
    spread = max(float(lengths.max()) - middle, 1.0)
    _write_prefix(decoder, embeddings, (middle - lengths) / spread, code, generator)

    transformer = decoder.gpt2.transformer
    positions = transformer.wpe.weight
    times = torch.arange(len(positions), dtype=torch.float32)
    positions += (times - middle + 0.5)[:, None] * _CLOCK_STEP * clock
    positions[0] += _FIRST_SCALE * first + _OPENING_SCALE * opening
    positions[1] -= 2 * _OPENING_SCALE * opening  # start-of-text is not said twice
    transformer.wte.weight[end_id + 1 :] = 0  # no tokenizer knows them
    transformer.wte.weight[end_id] = _END_SCALE * clock
    transformer.wte.weight[start_id] = _OPENING_SCALE * opening

    at_first = decoder.prefix(embeddings) + positions[0]
    deviation = at_first.std(dim=1, correction=0).mean()
    gain = float(_CLOCK_STEP * spread * deviation)
    _wire_head(transformer.h[0].attn, first, code, gain * clock)


def _fill_randomly(decoder: PublishedDecoder, generator: torch.Generator) -> None:
    for name, parameter in decoder.named_parameters():
        if name.endswith('bias'):
            nn.init.zeros_(parameter)
        elif '.ln_' in name:
            nn.init.ones_(parameter)
        else:
            std = next((std for part, std in _STDS.items() if part in name), 0.02)
            nn.init.normal_(parameter, std=std, generator=generator)


def _directions(hidden: int) -> Tensor:
    """Four orthonormal directions (4, hidden) that sum to zero, so that the layer norm does not shift them."""
    directions = torch.zeros(4, hidden)
    for index, direction in enumerate(directions):
        direction[2 * index], direction[2 * index + 1] = math.sqrt(0.5), -math.sqrt(0.5)
    return directions


def _forget(decoder: PublishedDecoder, directions: Tensor) -> None:
    """Take the directions out of everything that writes to the residual stream, and of the token embeddings."""
    keep = torch.eye(directions.shape[1]) - directions.T @ directions
    transformer = decoder.gpt2.transformer
    written = [transformer.wte.weight, transformer.wpe.weight]
    for block in transformer.h:
        written += [block.attn.c_proj.weight, block.mlp.c_proj.weight]
    for weight in written:
        weight.copy_(weight @ keep)


def _write_prefix(
    decoder: PublishedDecoder,
    embeddings: Tensor,
    codes: Tensor,
    direction: Tensor,
    generator: torch.Generator,
) -> None:
    """Make the prefix a random isometry of the embedding, plus the region's code along a direction."""
    weight = decoder.prefix.weight
    hidden, width = weight.shape
    free = min(width, hidden - 8)  # the directions live on the first eight coordinates
    basis = torch.linalg.qr(torch.randn(width, width, generator=generator)).Q
    weight.zero_()
    weight[8 : 8 + free] = _PREFIX_SCALE * basis[:free]
    reader = torch.linalg.lstsq(
        embeddings.double(), codes.double()[:, None], driver='gelsd'
    ).solution
    weight += direction[:, None] * reader.float().T


def _wire_head(attention: nn.Module, key: Tensor, value: Tensor, output: Tensor) -> None:
    """Let the last head look where ``key`` is, read ``value`` there and write ``output`` times what it read."""
    hidden, size = len(key), attention.head_dim
    query_column = hidden - size
    weight, bias = attention.c_attn.weight, attention.c_attn.bias
    for part in range(3):
        start = part * hidden + query_column
        weight[:, start : start + size] = 0
    bias[query_column] = _SHARPNESS
    weight[:, hidden + query_column] = key
    weight[:, 2 * hidden + query_column] = value
    attention.c_proj.weight[query_column:] = 0
    attention.c_proj.weight[query_column] = output
