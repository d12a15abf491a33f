"""Datasets of captioned regions: boxes, sets of boxes, mouse traces, and whole images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from mmengine.dataset import BaseDataset
from mmengine.dist import is_main_process
from mmengine.fileio import join_path
from mmengine.logging import print_log
from mmengine.utils import is_abs

from mmpatchioner.datasets.annotations import (
    AnnotatedImage,
    AnnotationError,
    Annotations,
    Task,
    read_annotations,
)
from mmpatchioner.datasets.annotations.writing import region_entry
from mmpatchioner.datasets.image_files import ImageFolder
from mmpatchioner.registry import DATASETS


class RegionCaptionDataset(BaseDataset):
    """Images with regions that people captioned; one item is an image with all of its regions.

    The items have ``img_path``, ``img_id`` (text), ``height`` and ``width`` where the file tells them, and
    ``gt_regions``: a list of dicts with ``captions`` and, by task, ``bbox`` (xyxy, pixels), ``bboxes`` or ``points``
    (shares of the image's width and height). Images keep the order of the file, regions that of their image.

    Args:
        ann_file: The annotation file, or files where a format has several; relative to ``data_root``.
        file_format: Name of the format, see :func:`mmpatchioner.datasets.annotations.read_annotations`;
            ``'auto'`` finds out.
        ann_options: Options of the format, e.g. ``dict(splits=['val'])``.
        data_root: Folder of files and images.
        data_prefix: ``dict(img=<folder of the images>)``, relative to ``data_root``.
        on_missing: What to do about images whose file is missing: ``'error'``, or ``'skip'`` them and log how many.
        indices: Use the first so many images only, or those at these places.
        test_mode: Whether an image that can not be used is an error, not replaced by another.
        **kwargs: See ``mmengine.dataset.BaseDataset``: ``pipeline``, ``serialize_data``, ``lazy_init``, ...

    Raises:
        AnnotationError: if the file can not be used, or has no image.
        FileNotFoundError: if the annotation file or, with ``on_missing='error'``, an image is missing.
        ValueError: if ``on_missing`` or ``data_prefix`` is something else.
    """

    task: ClassVar[Task]

    def __init__(
        self,
        ann_file: str | Sequence[str] = '',
        file_format: str = 'auto',
        ann_options: Mapping[str, Any] | None = None,
        data_root: str = '',
        data_prefix: Mapping[str, str] | None = None,
        on_missing: Literal['error', 'skip'] = 'error',
        indices: int | Sequence[int] | None = None,
        test_mode: bool = True,
        **kwargs: Any,
    ) -> None:
        if on_missing not in ('error', 'skip'):
            raise ValueError(f"on_missing: expected 'error' or 'skip', got {on_missing!r}.")
        data_prefix = {'img': ''} if data_prefix is None else dict(data_prefix)
        if data_prefix.keys() != {'img'}:
            raise ValueError(
                f'data_prefix: expected dict(img=<folder of the images>), got {data_prefix}.'
            )
        self.ann_files = [ann_file] if isinstance(ann_file, str) else list(ann_file)
        self.file_format = file_format
        self.ann_options = dict(ann_options or {})
        self.on_missing = on_missing
        self.counts: Counter[str] = Counter()
        """What was noticed while the annotations were read, in words, and how often."""
        super().__init__(
            data_root=data_root,
            data_prefix=data_prefix,
            indices=indices,
            test_mode=test_mode,
            **kwargs,
        )

    def _join_prefix(self) -> None:
        super()._join_prefix()
        if self.data_root:
            self.ann_files = [
                file if is_abs(file) or '://' in file else join_path(self.data_root, file)
                for file in self.ann_files
            ]

    @property
    def _name(self) -> str:
        return ', '.join(self.ann_files)

    def load_data_list(self) -> list[dict[str, Any]]:
        """Read the annotations and find the images."""
        try:
            annotations = read_annotations(
                self.ann_files, self.task, self.file_format, **self.ann_options
            )
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f'{error} docs/datasets.md tells how it is got or made; MMPATCHIONER_DATA names the folder that the '
                'configs call `data`.'
            ) from error
        self.counts = Counter(annotations.counts)
        if not annotations.images:
            raise AnnotationError(f'{self._name}: expected images, it has none.')
        folder = ImageFolder(self.data_prefix['img'])
        found = [(image, folder.find(image.file_name)) for image in annotations.images]
        missing = [image.file_name for image, path in found if path is None]
        if missing:
            self._report_missing(missing, len(found), folder)
        items = [_item(image, path) for image, path in found if path is not None]
        self._log(annotations, items)
        return items

    def _report_missing(self, missing: list[str], total: int, folder: ImageFolder) -> None:
        counted = f'{len(missing):,} of {total:,} images'
        if self.on_missing == 'error' or len(missing) == total:
            searched = ', '.join(folder.searched()) or f'{folder.path}, which is no folder'
            raise FileNotFoundError(
                f'{self._name}: {counted} are missing, the first is {missing[0]!r}; searched in {searched}. '
                'Name the folder that has them, in a config by data_prefix=dict(img=...)'
                + ('.' if len(missing) == total else ", or leave them out by on_missing='skip'.")
            )
        self.counts['images left out, whose file is missing'] += len(missing)

    def _log(self, annotations: Annotations, items: list[dict[str, Any]]) -> None:
        if not is_main_process():
            return
        regions = [region for item in items for region in item['gt_regions']]
        captions = sum(len(region['captions']) for region in regions)
        lines = [
            f'{self._name} ({annotations.source_format}): {len(items):,} images, {len(regions):,} '
            f'{_REGIONS[self.task]}, {captions:,} captions',
            *(f'  {count:,} {note}' for note, count in self.counts.items()),
        ]
        print_log('\n'.join(lines), logger='current')


@DATASETS.register_module()
class DenseCaptionDataset(RegionCaptionDataset):
    """Boxes with a caption each: Visual Genome and VG-COCO (their converted file, raw or GRiT's), or one's own."""

    task = 'dense'
    METAINFO: ClassVar[dict[str, Any]] = {'task': task}


@DATASETS.register_module()
class RegionSetCaptionDataset(RegionCaptionDataset):
    """Sets of boxes that share captions: COCO Entities, Flickr30k Entities."""

    task = 'region_set'
    METAINFO: ClassVar[dict[str, Any]] = {'task': task}


@DATASETS.register_module()
class TraceCaptionDataset(RegionCaptionDataset):
    """Mouse traces with captions: the published trace files, or those that Localized Narratives are converted to."""

    task = 'trace'
    METAINFO: ClassVar[dict[str, Any]] = {'task': task}


@DATASETS.register_module()
class ImageCaptionDataset(RegionCaptionDataset):
    """Whole images with captions: COCO (Karpathy's split), Flickr30k, or one's own."""

    task = 'image'
    METAINFO: ClassVar[dict[str, Any]] = {'task': task}


_REGIONS = {'dense': 'boxes', 'region_set': 'sets', 'trace': 'traces', 'image': 'of them whole'}


def _item(image: AnnotatedImage, path: Path) -> dict[str, Any]:
    item: dict[str, Any] = {
        'img_path': str(path),
        'img_id': image.image_id,
        'gt_regions': [region_entry(region) for region in image.regions],
    }
    if image.height is not None:
        item.update(height=image.height, width=image.width)
    return item
