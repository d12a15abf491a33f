"""The whole model, from images to captions (`model.Patchioner`)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO

import torch
from torch import Tensor

from tests.tools.parity import small_decap
from tests.tools.parity.drawing import Draw
from tests.tools.parity.record_memory import nearly_parallel, write_memory
from tests.tools.parity.released import released
from tests.tools.parity.small_dinov2 import DIMS, HEADS, SIDE, SmallDINOv2

NUM_IMAGES, NUM_BOXES, NUM_ROWS = 2, 4, 40


def record() -> tuple[dict[str, Tensor], dict]:
    draw = Draw(0)
    backbone = SmallDINOv2(draw).eval()
    decoder = small_decap.random_weights(draw, DIMS)
    rows = nearly_parallel(draw, NUM_ROWS, DIMS, spread=1.0)
    write_memory(rows, [f'caption {index}' for index in range(NUM_ROWS)])
    inputs = {
        'images': draw.normal(NUM_IMAGES, 3, SIDE, SIDE),
        'boxes': (draw.uniform(NUM_IMAGES, NUM_BOXES, 2, 2) * SIDE).sort(dim=2).values.flatten(2),
        'points': draw.uniform(NUM_IMAGES, 12, 2),
    }
    stored, tokens = small_decap.without_zeros(decoder)
    tensors = {**inputs, 'memory': rows}
    tensors |= {f'backbone.{name}': value for name, value in backbone.state_dict().items()}
    tensors |= {f'decoder.{name}': value for name, value in stored.items()}
    with_memory = _build(backbone, decoder, NUM_ROWS)
    values = {
        'heads': HEADS,
        'tokens': tokens,
        'with_memory': _captions(with_memory, **inputs),
        'without_memory': _captions(_build(backbone, decoder, 0), **inputs),
        'faults': _faults(with_memory, **inputs),
    }
    tensors['patches'] = backbone(inputs['images'], is_training=True)['x_norm_patchtokens']
    return tensors, values


def _build(backbone: SmallDINOv2, decoder: dict[str, Tensor], num_rows: int):
    """The released model of this backbone, which it takes to be of the published width."""
    small_decap.released_decap()
    module = released('model')
    torch.hub.load = lambda *_: backbone
    config = {
        'decap_weights': str(small_decap.save(decoder)),
        'prefix_size': DIMS,
        'support_memory_size': num_rows,
        'dino_model': 'dinov2_vitb14_reg',
        'resize_dim': SIDE,
        'crop_dim': SIDE,
    }
    with redirect_stdout(StringIO()):
        model = module.Patchioner.from_config(config)
    model.embed_dim = DIMS
    return model.eval()


def _captions(model, images: Tensor, boxes: Tensor, points: Tensor) -> dict:
    """Captions and scores of everything that can be asked for; boxes go in as xywh."""
    xywh = torch.cat([boxes[..., :2], boxes[..., 2:] - boxes[..., :2]], dim=-1)
    traces = [[{'x': x, 'y': y} for x, y in trace] for trace in points.tolist()]

    def ask(**options) -> dict:
        given = {'get_cls_capt': False, 'compute_scores': True, **options}
        return model(images.clone(), **given)

    def ask_boxes(**options) -> dict:
        return ask(bboxes=xywh.clone(), **options)

    gaussian = {'gaussian_avg': True, 'gaussian_bbox_variance': 1.0}
    return {
        'cls': ask(get_cls_capt=True)['cls_capt'],
        'image': ask(get_avg_patch_capt=True)['avg_patch_capt'],
        'image_attention': ask(get_avg_self_attn_capt=True)['avg_self_attn_capt'],
        'boxes': _pairs(ask_boxes()),
        'boxes_gaussian': _pairs(ask_boxes(**gaussian)),
        'boxes_attention': _one_by_one(ask, xywh),
        'set': ask_boxes(get_controllable_capts=True)['set_controllable_capts'],
        'trace': ask(traces=traces)['trace_capts'],
        'trace_attention': ask(traces=traces, use_attention_tracing=True)['trace_capts'],
    }


def _one_by_one(ask: Callable[..., dict], xywh: Tensor) -> dict:
    """Boxes weighted by attention, which the first of several at once changes for the others."""
    found = [
        _pairs(ask(bboxes=box.clone(), use_attn_map_for_bboxes=True))
        for box in xywh.split(1, dim=1)
    ]
    return {
        key: [[each[key][image][0] for each in found] for image in range(len(xywh))]
        for key in ('captions', 'scores')
    }


def _pairs(outputs: dict) -> dict:
    return {'captions': outputs['bbox_capts'], 'scores': outputs['bbox_scores']}


def _faults(model, images: Tensor, boxes: Tensor, points: Tensor) -> dict:
    xywh = torch.cat([boxes[..., :2], boxes[..., 2:] - boxes[..., :2]], dim=-1)
    one = {'imgs': images[:1], 'get_cls_capt': False, 'compute_scores': True}
    alone = model(**one, bboxes=xywh[:1].clone())
    beside_patches = model(**one, bboxes=xywh[:1].clone(), get_patch_capts=True)
    try:
        model(images, get_cls_capt=False, get_register_capts=True)
    except RuntimeError as error:
        registers = str(error).partition('.')[0]
    return {
        'boxes_alone': _pairs(alone),
        'boxes_beside_patches': _pairs(beside_patches),
        'registers_of_two_images': registers,
    }
