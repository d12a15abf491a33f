"""What is measured: each function times one step against what it is compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn.functional import normalize

from benchmarks import published
from benchmarks.average_precision import average_precision
from benchmarks.caption_lengths import coco_lengths
from benchmarks.comparison import Comparison, Setting
from benchmarks.meteor import meteor
from benchmarks.networks import copy_weights, decoder_config, published_decoder
from benchmarks.scene import Scene
from mmpatchioner.checkpoints import Memory
from mmpatchioner.regions import Regions, region_weights
from mmpatchioner.registry import MODELS

# With this one the two best tokens of every step differ by 7e-4 at least, more than rounding can turn round.
_DECODER_SEED = 3
_DECODE_TARGETS = {1: 5.0, 64: 25.0}  # by regions


def decode(setting: Setting) -> Iterator[Comparison]:
    """Regions to texts: 30 full passes in chunks of four, against one cached decode that stops at the end."""
    sizes = setting.sizes
    most = max(sizes.decode)
    embeddings = normalize(_randn(most, sizes.hidden, seed=_DECODER_SEED), dim=1)
    lengths = coco_lengths(most) + 1  # and start-of-text
    theirs = published_decoder(sizes, embeddings, lengths, _DECODER_SEED)
    ours = MODELS.build(decoder_config(sizes, setting.tokenizer))
    copy_weights(theirs, ours)
    by_length = lengths.argsort(stable=True)
    for count in sizes.decode:
        chosen = by_length[((torch.arange(count) + 0.5) * most / count).long()]
        batch, planned = embeddings[chosen], lengths[chosen]
        reference, own = setting.measure(
            lambda batch=batch: theirs.decode(batch), lambda batch=batch: ours.generate(batch)
        )
        texts = [ours.tokenizer.decode(ids) for ids in reference.result.tolist()]
        yield Comparison(
            name=f'decode, {_count(count, "region")}',
            reference='published loop',
            reference_time=reference,
            time=own,
            regions=count,
            target=setting.target(_DECODE_TARGETS.get(count)),
            costs=False,
            equal=texts == own.result.texts
            and _lengths(reference.result, sizes.end_id).equal(planned)
            and _lengths(own.result.token_ids, sizes.end_id).equal(planned),
            checked='same texts, of the planned lengths',
        )


def memory(setting: Setting) -> Iterator[Comparison]:
    """Projection on the memory: normalised anew for every four regions, against once."""
    sizes = setting.sizes
    rows = _randn(sizes.memory_rows, sizes.hidden, seed=1)
    rows *= torch.rand(len(rows), 1, generator=torch.Generator().manual_seed(2)) + 0.5
    vectors = _randn(sizes.project, sizes.hidden, seed=3)
    bridge = MODELS.build(dict(type='mmpatchioner.MemoryBridge', memory=Memory.from_rows(rows)))
    reference, own = setting.measure(
        lambda: published.project(vectors, rows), lambda: bridge(vectors)
    )
    yield Comparison(
        name=f'memory of {sizes.memory_rows:,} rows, {_count(sizes.project, "region")}',
        reference='published projection',
        reference_time=reference,
        time=own,
        regions=sizes.project,
        target=setting.target(3.0),
        costs=False,
        **_same_values(reference.result, own.result),
    )


def pooling(setting: Setting) -> Iterator[Comparison]:
    """Boxes to vectors: a slice and a mean for one box after the other, against one product."""
    sizes = setting.sizes
    scene = Scene(sizes)
    patches, boxes, grid = scene.random_patches()[0], scene.boxes(sizes.pool), scene.grid
    scale = boxes.new_tensor([i / o for i, o in zip(grid.input_size, grid.ori_size, strict=True)])
    scaled = (boxes * scale.flip(0).repeat(2)).float()
    xywh = torch.cat([scaled[:, :2], scaled[:, 2:] - scaled[:, :2]], dim=1)
    maps = patches.view(1, grid.rows, grid.cols, -1)
    reference, own = setting.measure(
        lambda: published.pool_boxes(maps, xywh[None], sizes.patch_size)[0],
        lambda: (
            region_weights(Regions.from_inputs(boxes=boxes), grid, selection='official') @ patches
        ),
    )
    yield Comparison(
        name=f'pooling, {_count(sizes.pool, "box")} on {grid.rows} x {grid.cols} patches',
        reference='published double loop',
        reference_time=reference,
        time=own,
        regions=sizes.pool,
        target=setting.target(20.0),
        costs=False,
        **_same_values(reference.result, own.result),
    )


def image(setting: Setting) -> Iterator[Comparison]:
    """An image with its boxes, from the network's input to texts, against the backbone alone."""
    sizes = setting.sizes
    scene = Scene(sizes)
    neck, view, boxes = scene.neck(), scene.view(), scene.boxes(sizes.image)
    head, lengths = scene.head(neck(view), boxes, setting.tokenizer)

    def backbone() -> Tensor:
        with torch.no_grad():
            return neck.backbone(view).last_hidden_state

    reference, own = setting.measure(backbone, lambda: scene.caption(head, neck(view), boxes))
    yield Comparison(
        name=f'image with {_count(sizes.image, "box")}, end to end',
        reference='backbone pass alone',
        reference_time=reference,
        time=own,
        regions=sizes.image,
        target=setting.target(1.5),
        costs=True,
        equal=_word_counts(own.result) == (lengths - 1).tolist(),
        checked='texts of the planned lengths',
    )


def scaling(setting: Setting) -> Iterator[Comparison]:
    """Pooling, bridge and decode of twice the boxes, against once."""
    sizes = setting.sizes
    scene = Scene(sizes)
    few, many = sizes.scaling
    feats, boxes = scene.random_features(), scene.boxes(many)
    head, lengths = scene.head(feats, boxes, setting.tokenizer)
    # Evenly through the lengths, so that both sides have the same distribution of them.
    subset = lengths.argsort(stable=True)[((torch.arange(few) + 0.5) * many / few).long()]
    reference, own = setting.measure(
        lambda: scene.caption(head, feats, boxes[subset]), lambda: scene.caption(head, feats, boxes)
    )
    yield Comparison(
        name=f'head, {_count(many, "box")}',
        reference=f'head, {_count(few, "box")}',
        reference_time=reference,
        time=own,
        regions=many,
        target=setting.target(2.0),
        costs=True,
        equal=[own.result[row] for row in subset.tolist()] == reference.result
        and _word_counts(own.result) == (lengths - 1).tolist(),
        checked='same texts, of the planned lengths',
    )


ROWS: dict[str, Callable[[Setting], Iterator[Comparison]]] = {
    row.__name__: row
    for row in (decode, memory, pooling, image, scaling, average_precision, meteor)
}
"""All that can be measured, by name."""


def _randn(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _lengths(ids: Tensor, end_id: int) -> Tensor:
    """Tokens before end-of-text, (R, T) -> (R,)."""
    return (ids == end_id).int().argmax(dim=1)


def _word_counts(texts: list[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def _same_values(reference: Tensor, own: Tensor) -> dict:
    return dict(
        equal=torch.allclose(own, reference, rtol=0.0, atol=1e-5), checked='same values to 1e-5'
    )


def _count(number: int, noun: str) -> str:
    return f'{number} {noun if number == 1 else noun + ("es" if noun.endswith("x") else "s")}'
