"""The regions of one image as the head sees them: rows of weights beside what a detector said of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from mmdet.structures.bbox import BaseBoxes
from mmdet.structures.mask import BaseInstanceMasks
from mmengine.structures import InstanceData
from torch import Tensor

from mmpatchioner.regions import Regions


@dataclass(frozen=True, eq=False)
class _Part:
    """Regions in the order of their weights, and the order in which they were given."""

    regions: Regions
    order: Tensor | None = (
        None  # (R,) row of the weights for every region given; None is the identity
    )
    given: InstanceData | None = None  # what a detector said of them

    def __len__(self) -> int:
        return len(self.regions)


@dataclass(frozen=True, eq=False)
class RegionRows:
    """Everything that is captioned in one image, in the order asked."""

    parts: tuple[_Part, ...]

    @classmethod
    def from_entries(
        cls, entries: Regions | InstanceData | Sequence[Regions | InstanceData]
    ) -> RegionRows:
        """Make rows of regions asked for and instances found."""
        if isinstance(entries, (Regions, InstanceData)):
            entries = [entries]
        return cls(
            tuple(_Part(e) if isinstance(e, Regions) else _instances_part(e) for e in entries)
        )

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    @property
    def kinds(self) -> list[str]:
        """The kind of every region, in the order asked."""
        return [kind for part in self.parts for kind in _kinds(part)]

    def weights(self, region_weights: Callable[[Regions], Tensor]) -> Tensor:
        """(R, N) weights over the patch grid, one row for each region in the order asked."""
        rows = []
        for part in self.parts:
            weights = region_weights(part.regions)
            rows.append(weights if part.order is None else weights[part.order.to(weights.device)])
        return torch.cat(rows)

    def check_inside(self, image_size: tuple[int, int]) -> None:
        """Check that every region has a part in an image of (height, width).

        Raises:
            RegionError: if one has none.
        """
        for part in self.parts:
            part.regions.check_inside(image_size)

    def boxes(self, image_size: tuple[int, int]) -> Tensor:
        """(R, 4) xyxy bounding boxes, in the order asked, in an image of (height, width)."""
        return torch.cat([_boxes(part, image_size).cpu() for part in self.parts])

    def instances(self, image_size: tuple[int, int], device: torch.device) -> InstanceData:
        """Boxes, scores, labels and kinds of all regions, in the order asked.

        Args:
            image_size: (height, width) of the original image.
            device: Where the tensors of the result live.
        """
        if len(self.parts) == 1 and self.parts[0].given is not None:
            result = self.parts[0].given.clone()
        else:
            result = InstanceData()
        result.bboxes = self._cat([_boxes(part, image_size) for part in self.parts], device)
        result.scores = self._cat([_field(p, 'scores', float('nan')) for p in self.parts], device)
        result.labels = self._cat([_field(p, 'labels', -1) for p in self.parts], device)
        result.kinds = self.kinds
        if len(self.parts) > 1 and any('masks' in (part.given or ()) for part in self.parts):
            result.masks = self._cat([_masks(part, image_size) for part in self.parts], device)
        return result

    @staticmethod
    def _cat(tensors: list[Tensor], device: torch.device) -> Tensor:
        return torch.cat([tensor.to(device) for tensor in tensors])


def _instances_part(instances: InstanceData) -> _Part:
    """Detections as regions: their masks where they have pixels, else their boxes."""
    boxes = plain_boxes(instances.bboxes)
    if 'masks' not in instances or not len(boxes):
        return _Part(Regions.from_inputs(boxes=boxes), None, instances)
    masks = _mask_tensor(instances.masks, boxes.device)
    filled = masks.flatten(1).any(dim=1)
    regions = Regions.from_inputs(boxes=boxes[~filled], masks=masks[filled])
    order = torch.empty(len(boxes), dtype=torch.long, device=boxes.device)
    order[torch.cat([torch.nonzero(~filled), torch.nonzero(filled)]).flatten()] = torch.arange(
        len(boxes), device=boxes.device
    )
    return _Part(regions, order, instances)


def plain_boxes(boxes: Tensor | BaseBoxes) -> Tensor:
    """(R, 4) fp32 tensor of mmdet's boxes, xyxy."""
    tensor = boxes.convert_to('hbox').tensor if isinstance(boxes, BaseBoxes) else boxes
    return torch.as_tensor(tensor).float().reshape(-1, 4)


def _mask_tensor(masks: Tensor | BaseInstanceMasks, device: torch.device) -> Tensor:
    if isinstance(masks, BaseInstanceMasks):
        return masks.to_tensor(dtype=torch.bool, device=device)
    return torch.as_tensor(masks, device=device).bool()


def _boxes(part: _Part, image_size: tuple[int, int]) -> Tensor:
    if part.given is not None:
        return plain_boxes(part.given.bboxes)
    return part.regions.bounding_boxes(image_size).float()


def _field(part: _Part, name: str, missing: float) -> Tensor:
    if part.given is not None and name in part.given:
        return part.given[name]
    dtype = torch.long if isinstance(missing, int) else torch.float32
    return torch.full((len(part),), missing, dtype=dtype)


def _masks(part: _Part, image_size: tuple[int, int]) -> Tensor:
    """(R, H, W) bool; all zero for regions that are no mask of a detector."""
    if part.given is not None and 'masks' in part.given:
        return _mask_tensor(part.given.masks, torch.device('cpu'))
    return torch.zeros(len(part), *image_size, dtype=torch.bool)


def _kinds(part: _Part) -> list[str]:
    kinds = part.regions.kinds
    return kinds if part.order is None else [kinds[row] for row in part.order.tolist()]
