"""What the inferencer returns for one image."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.structures import InstanceData

from mmpatchioner.apis.sources import ImageSource
from mmpatchioner.regions import Regions
from mmpatchioner.visualization import RegionShape, draw_captions, region_entries

_TEXT_FIELDS = ('kind', 'caption', 'caption_score', 'detection_score', 'label')


@dataclass(frozen=True)
class RegionCaption:
    """A region and its caption.

    Attributes:
        kind: ``box``, ``mask``, ``point``, ``trace``, ``set`` or ``image``.
        geometry: ``bbox`` (xyxy), ``bboxes``, ``points`` or ``mask`` (COCO run lengths), in pixels of the image.
        caption: The text.
        caption_score: Mean natural-log probability per token, at most 0; higher is better. ``None`` for no token.
        detection_score: Score of a region that was found, ``None`` for one that was asked for.
        label: Class a detector gave the region: its name, or its number where it has no name.
    """

    kind: str
    geometry: Mapping[str, Any]
    caption: str
    caption_score: float | None
    detection_score: float | None = None
    label: str | int | None = None

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> RegionCaption:
        """Read an entry of a result file.

        Example:
            >>> RegionCaption.from_dict({'kind': 'box', 'bbox': [0, 0, 9, 9], 'caption': 'a cat',
            ...                          'caption_score': -0.5}).geometry
            {'bbox': [0, 0, 9, 9]}
        """
        geometry = {name: value for name, value in entry.items() if name not in _TEXT_FIELDS}
        return cls(
            geometry=geometry, **{name: entry[name] for name in _TEXT_FIELDS if name in entry}
        )

    def to_dict(self) -> dict[str, Any]:
        """The entry of a result file; fields that do not apply are left out."""
        entry = {
            'kind': self.kind,
            **self.geometry,
            'caption': self.caption,
            'caption_score': self.caption_score,
        }
        optional = {'detection_score': self.detection_score, 'label': self.label}
        return {**entry, **{name: value for name, value in optional.items() if value is not None}}


@dataclass(frozen=True)
class CaptionResult:
    """The captioned regions of one image: those asked for in the order asked, then those found, best first.

    A sequence of :class:`RegionCaption`: it has a length and can be indexed and iterated.

    Attributes:
        image: Path or URL of the image as it was given, or ``image_<index>`` for pixels.
        width: Pixels of the upright image.
        height: Likewise.
        regions: The regions.
        speed: Milliseconds: ``preprocess``, ``inference`` and, if there are regions, ``per_region`` (of inference).
            Images of one batch share its time equally.
        source: Where to read the image again.
    """

    image: str
    width: int
    height: int
    regions: tuple[RegionCaption, ...]
    speed: Mapping[str, float]
    source: ImageSource = field(repr=False, compare=False)

    @classmethod
    def from_prediction(
        cls,
        source: ImageSource,
        image_size: tuple[int, int],
        instances: InstanceData,
        regions: Regions | None,
        *,
        classes: Sequence[str] | None,
        preprocess_ms: float,
        inference_ms: float,
    ) -> CaptionResult:
        """Make a result of what a captioner predicted.

        Args:
            source: The image.
            image_size: Its (height, width).
            instances: ``pred_instances`` on the CPU.
            regions: The regions that were asked for.
            classes: Names of the detector's classes, ``None`` without a detector.
            preprocess_ms: Time of reading and preparing the image.
            inference_ms: Time of the model.
        """
        entries = region_entries(instances, image_size, regions, classes)
        speed = {'preprocess': round(preprocess_ms, 2), 'inference': round(inference_ms, 2)}
        if entries:
            speed['per_region'] = round(inference_ms / len(entries), 2)
        captions = tuple(RegionCaption.from_dict(entry) for entry in entries)
        return cls(source.name, image_size[1], image_size[0], captions, speed, source)

    def __len__(self) -> int:
        return len(self.regions)

    def __iter__(self) -> Iterator[RegionCaption]:
        return iter(self.regions)

    def __getitem__(self, index: int) -> RegionCaption:
        return self.regions[index]

    def to_dict(self) -> dict[str, Any]:
        """The content of a result file."""
        return {
            'image': self.image,
            'width': self.width,
            'height': self.height,
            'regions': [region.to_dict() for region in self.regions],
            'speed_ms': dict(self.speed),
        }

    def to_json(self) -> str:
        """Strict JSON (no NaN, no infinity) that people can read too: one region a line."""
        fields = {name: _dumps(value) for name, value in self.to_dict().items()}
        if self.regions:
            lines = ',\n'.join(f'    {_dumps(region.to_dict())}' for region in self.regions)
            fields['regions'] = f'[\n{lines}\n  ]'
        body = ',\n'.join(f'  {_dumps(name)}: {value}' for name, value in fields.items())
        return f'{{\n{body}\n}}\n'

    def plot(
        self, *, min_side: int = 640, max_regions: int = 100, font_path: str | Path | None = None
    ) -> np.ndarray:
        """Draw the regions with their captions.

        Args:
            min_side: A picture whose longer side is smaller is enlarged to it. Pixels.
            max_regions: At most so many regions are drawn, in order.
            font_path: A font to use first; characters it lacks are taken from others.

        Returns:
            (H', W', 3) uint8, BGR as mmdet and OpenCV have it; larger than the image where captions need room.

        Raises:
            InputError: if the image was a file that is no longer there.
        """
        image = self.source.read()[..., ::-1]
        shapes = [RegionShape.from_dict(region.to_dict()) for region in self.regions[:max_regions]]
        drawn = draw_captions(image, shapes, min_side=min_side, font_path=font_path)
        return np.ascontiguousarray(drawn[..., ::-1])


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
