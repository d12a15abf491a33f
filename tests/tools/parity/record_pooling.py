"""Boxes, sets, traces and whole images to vectors (`bbox_utils`, `model.compute_region_means`)."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from torch import Tensor

from tests.tools.parity.drawing import Draw
from tests.tools.parity.released import released

# Height and width of the image, side of the input, side of a patch: DINOv2's, CLIP's, and an odd one.
VIEWS = [(427, 640, 518, 14), (480, 333, 224, 32), (101, 97, 592, 16)]
NUM_BOXES, DIMS = 12, 3
# Likewise; the network sees the square in the middle.
CROP = (480, 640, 240, 16)


def record() -> tuple[dict[str, Tensor], dict]:
    tensors: dict[str, Tensor] = {}
    for index, view in enumerate(VIEWS):
        tensors |= {f'{index}.{name}': value for name, value in _view(*view, Draw(index)).items()}
    crop = _crop(Draw(10))
    return tensors | crop, {'views': VIEWS, 'crop': CROP, 'faults': _faults(Draw(11))}


def _view(height: int, width: int, size: int, patch: int, draw: Draw) -> dict[str, Tensor]:
    boxes = _boxes(height, width, draw)
    released_boxes = torch.tensor([_squashed(box, height, width, size) for box in boxes.tolist()])
    grid = size // patch
    patches = draw.normal(1, grid * grid, DIMS)
    attention = draw.normal(1, grid * grid, scale=2.0).softmax(dim=1)
    points = draw.uniform(40, 2) * 1.1 - 0.05  # some outside
    bbox_utils, model = released('bbox_utils'), released('model')

    def pool(boxes: Tensor, **options) -> Tensor:
        # A copy of everything: the released code writes into boxes and attention.
        if 'attention_map' in options:
            options['attention_map'] = attention.clone()
        return bbox_utils.extract_bboxes_feats(
            patches.clone(), boxes[None].clone(), patch_size=patch, **options
        )[0]

    counts = bbox_utils.map_traces_to_grid(
        [{'x': x, 'y': y} for x, y in points.tolist()], grid
    ).flatten()
    padded = torch.cat([released_boxes[:5], torch.full((2, 4), -1.0)])
    one_set = {'get_single_embedding_per_image': True}
    gaussian = {'gaussian_avg': True}
    return {
        'boxes': boxes,
        'released_boxes': released_boxes,
        'patches': patches[0],
        'attention': attention[0],
        'points': points,
        'uniform': pool(released_boxes),
        'gaussian_1': pool(released_boxes, **gaussian, gaussian_bbox_variance=1.0),
        'gaussian_0.5': pool(released_boxes, **gaussian, gaussian_bbox_variance=0.5),
        # One box at a time, and then all together.
        'attended': torch.cat([pool(box[None], attention_map=None) for box in released_boxes]),
        'attended_together': pool(released_boxes, attention_map=None),
        'set_uniform': pool(padded, **one_set),
        'set_gaussian': pool(padded, **one_set, **gaussian, gaussian_bbox_variance=1.0),
        'image_1': model.compute_region_means(patches, 1)[0],
        'image_0.5': model.compute_region_means(patches, 0.5)[0],
        'image_100': model.compute_region_means(patches, 100)[0],
        'trace_counts': counts,
        'trace': (counts[:, None] * patches[0]).mean(dim=0),
        'attended_trace': (counts[:, None] * attention[0, :, None] * patches[0]).mean(dim=0),
    }


def _boxes(height: int, width: int, draw: Draw) -> Tensor:
    """(K, 4) xyxy inside the image: random ones, the whole image, and a line."""
    size = torch.tensor([width, height])
    corners = (draw.uniform(NUM_BOXES, 2, 2) * size).sort(dim=1).values.flatten(1)
    special = [[0, 0, width, height], [width / 4, height / 3, width / 4, height / 2]]
    return torch.cat([corners, torch.tensor(special, dtype=torch.float32)])


def _squashed(box: list[float], height: int, width: int, size: int) -> list[float]:
    """A box as the released evaluation hands it over: xywh in pixels of the input."""
    x1, y1, x2, y2 = box
    x2, y2 = (x2 + 1 if x1 == x2 else x2), (y2 + 1 if y1 == y2 else y2)
    image = SimpleNamespace(size=(width, height))
    xywh = [x1, y1, x2 - x1, y2 - y1]
    return released('bbox_utils').adjust_bbox_for_transform_no_scale(image, xywh, size, size)


def _crop(draw: Draw) -> dict[str, Tensor]:
    """Boxes of an image of which the network sees the square in the middle."""
    height, width, size, _ = CROP
    middle = (draw.uniform(6, 2, 2) * height).sort(dim=1).values.flatten(1)
    middle += torch.tensor([(width - height) / 2, 0]).repeat(2)
    cut = torch.tensor([[0.0, 0, 100, 100], [560, 100, 640, 300], [0, 0, width, height]])
    boxes = torch.cat([middle, cut])
    image = SimpleNamespace(size=(width, height))
    adjusted = [
        released('bbox_utils').adjust_bbox_for_transform(
            image, [x1, y1, x2 - x1, y2 - y1], size, size
        )
        for x1, y1, x2, y2 in boxes.tolist()
    ]
    return {'crop.boxes': boxes, 'crop.released_boxes': torch.tensor(adjusted)}


def _faults(draw: Draw) -> dict:
    """What goes wrong on 5 x 5 patches of 14."""
    pool = released('bbox_utils').extract_bboxes_feats
    patches = draw.normal(1, 25, DIMS)
    boxes = torch.tensor([[[20.0, 20.0, 30.0, 30.0]]])
    pool(patches, boxes)
    dummies = pool(patches, torch.full((1, 2, 4), -1.0), get_single_embedding_per_image=True)
    empty = pool(patches, torch.tensor([[[80.0, 20.0, 10.0, 10.0]]]))
    starts_outside = pool(patches, torch.tensor([[[-20.0, 10.0, 40.0, 30.0]]]))
    return {
        'boxes_afterwards': boxes.flatten().tolist(),
        'a_set_of_dummies_is_nan': bool(dummies.isnan().all()),
        'a_box_beside_the_grid_is_nan': bool(empty.isnan().all()),
        'a_box_that_starts_outside_is_nan': bool(starts_outside.isnan().all()),
    }
