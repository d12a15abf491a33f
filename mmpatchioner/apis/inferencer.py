"""Captions for any region of any image, in one call."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.structures import InstanceData
from rich.progress import track

from mmpatchioner.apis.building import build_captioner, choose_device, inference_scope, read_config
from mmpatchioner.apis.detectors import class_names, read_test_pipeline
from mmpatchioner.apis.errors import InputError
from mmpatchioner.apis.published import is_published, published_config
from mmpatchioner.apis.region_inputs import split_by_image
from mmpatchioner.apis.result import CaptionResult
from mmpatchioner.apis.sources import ImageInput, ImageSource, Sources, list_sources
from mmpatchioner.regions import RegionError, Regions

logger = logging.getLogger(__name__)

Proposals = Literal['patches', 'detector']


@dataclass(frozen=True, eq=False)
class _Prepared:
    """An image ready for the model."""

    source: ImageSource
    size: tuple[int, int]  # (height, width)
    regions: Regions
    packed: dict[str, Any]
    milliseconds: float


class CaptionInferencer:
    """Captions regions of images.

    Args:
        model: ``'mini'`` (packaged), another name of :func:`available_models`, a config file or a config. Weights of
            the authors' checkpoints, e.g. ``'talk2dino-decap-coco'``, are fetched and converted on first use; the
            folder of a downloaded one is a model too.
        device: ``'cpu'``, ``'cuda:0'``, ...; ``None`` takes the GPU if there is one.
        weights: Checkpoint of the whole model, for a config whose parts do not name theirs. A path or URL. Of a
            published checkpoint, the folder that it was downloaded to.
        detector: Config file, mmdet name or config of a detector to attach to the model.
        detector_weights: Its checkpoint, a path or URL.
        score_thr: Detections below this score are not captioned.
        max_regions: At most so many found regions of an image are captioned, best first; ``None`` leaves it to the
            model's config. Regions that are asked for are all captioned.

    Raises:
        InputError: if a name, config or device can not be used.
        CheckpointError: if weights can not be fetched or read, or do not fit.

    Example::

        inferencer = CaptionInferencer('mini')
        result = inferencer('photo.jpg', boxes=[[30, 40, 200, 220]], whole_image=True)[0]
        print(result[0].caption, result[0].caption_score)
    """

    def __init__(
        self,
        model: str | Path | Config = 'mini',
        device: str | torch.device | None = None,
        weights: str | Path | None = None,
        detector: str | Path | Config | None = None,
        detector_weights: str | Path | None = None,
        score_thr: float = 0.3,
        max_regions: int | None = None,
    ) -> None:
        self.device = choose_device(device)
        if is_published(model):
            model, weights = published_config(model, weights), None
        self.cfg, named = read_config(model, detector, score_thr=score_thr, max_regions=max_regions)
        self.model = build_captioner(self.cfg, self.device, weights, detector_weights)
        self.has_detector = self.cfg.model.get('detector') is not None
        self.classes = class_names(named) if self.has_detector else ()
        if self.classes:
            self.model.dataset_meta = {'classes': self.classes}
        steps = read_test_pipeline(self.cfg, 'model')
        with inference_scope(self.cfg):
            # Images are read by this package: upright, of any kind, with one message for what can not be read.
            self.pipeline = Compose([step for step in steps if 'Load' not in str(step['type'])])

    def __call__(
        self,
        inputs: ImageInput | Sequence[ImageInput],
        boxes: Any = None,
        masks: Any = None,
        points: Any = None,
        traces: Any = None,
        region_sets: Any = None,
        whole_image: bool | Sequence[bool] = False,
        proposals: Proposals | None = None,
        batch_size: int = 1,
        show_progress: bool = True,
        on_error: Literal['raise', 'skip'] | None = None,
    ) -> list[CaptionResult]:
        """Caption regions of images.

        Several kinds of regions may be asked for at once; a captioner looks at an image only once for all of them.
        They are captioned in the order boxes, masks, points, traces, sets, whole image, and regions that were found
        come after them. With nothing asked for, the whole image and found regions are captioned. An empty list asks
        for no region of its kind.

        Args:
            inputs: A path, URL, folder (with its sub-folders), array (BGR), Pillow image, or a list of them.
            boxes: ``[[x1, y1, x2, y2], ...]`` for one image; for several, a list with an entry or ``None`` for
                each, as for all kinds of regions. Pixels of the upright image.
            masks: (R, H, W), or a list of (H, W) masks and COCO run lengths.
            points: ``[[x, y], ...]``.
            traces: ``[[[x, y], ...], ...]``: each trace gets one caption.
            region_sets: ``[[[x1, y1, x2, y2], ...], ...]``: each set of boxes gets one caption.
            whole_image: Whether to caption the image as a whole; a bool, or one for each image.
            proposals: Also caption regions found in the ``'patches'`` or by the ``'detector'``.
            batch_size: Images that go through the model together; changes no caption.
            show_progress: Show a progress bar for more than one image.
            on_error: What to do about an image that can not be used: ``'raise'``, or ``'skip'`` it, log the error
                and go on. ``None`` skips in a folder and raises otherwise.

        Returns:
            One result for each image that could be used, in order.

        Raises:
            InputError: if an input, an argument or (see ``on_error``) an image can not be used.
        """
        sources = list_sources(inputs)
        total = len(sources)
        if on_error is None:
            on_error = 'skip' if sources.form == 'folder' and total > 1 else 'raise'
        asked = _asked(boxes, masks, points, traces, region_sets, whole_image)
        outcomes = self._outcomes(sources, asked, proposals, batch_size)
        if show_progress and total > 1:
            outcomes = iter(track(outcomes, description='Captioning', total=total, transient=True))
        results: list[CaptionResult] = []
        failures: list[InputError] = []
        for outcome in outcomes:
            if isinstance(outcome, CaptionResult):
                results.append(outcome)
            elif on_error == 'raise':
                raise outcome
            else:
                logger.error('Skipped: %s', outcome)
                failures.append(outcome)
        if failures and not results:
            raise InputError(f'None of the {total} images could be used; the first: {failures[0]}')
        if failures:
            logger.warning('%d of %d images were skipped.', len(failures), total)
        return results

    def stream(
        self,
        inputs: ImageInput | Sequence[ImageInput],
        boxes: Any = None,
        masks: Any = None,
        points: Any = None,
        traces: Any = None,
        region_sets: Any = None,
        whole_image: bool | Sequence[bool] = False,
        proposals: Proposals | None = None,
        batch_size: int = 1,
    ) -> Iterator[CaptionResult | InputError]:
        """Caption images one batch after the other, for more of them than memory holds.

        Arguments are those of a call.

        Returns:
            An iterator that gives for each image in order its result, or what is wrong with it.

        Raises:
            InputError: if an argument can not be used; at the call, before the first image.
        """
        asked = _asked(boxes, masks, points, traces, region_sets, whole_image)
        return self._outcomes(list_sources(inputs), asked, proposals, batch_size)

    def _outcomes(
        self, sources: Sources, asked: dict[str, Any], proposals: Proposals | None, batch_size: int
    ) -> Iterator[CaptionResult | InputError]:
        """Check the arguments, and caption when the iterator is asked to."""
        if not asked and proposals is None:
            asked = {'whole_image': True}
            proposals = 'detector' if self.has_detector else 'patches'
        self._check_options(proposals, batch_size)
        requests = split_by_image(len(sources), single=sources.form == 'single', **asked)
        return self._run(sources.images, requests, proposals, batch_size)

    def _run(
        self,
        images: Sequence[ImageSource],
        requests: Sequence[dict[str, Any]],
        proposals: Proposals | None,
        batch_size: int,
    ) -> Iterator[CaptionResult | InputError]:
        for start in range(0, len(images), batch_size):
            batch = slice(start, start + batch_size)
            pairs = zip(images[batch], requests[batch], strict=True)
            prepared = [self._prepare(source, request, proposals) for source, request in pairs]
            results = self._caption(
                [item for item in prepared if isinstance(item, _Prepared)], proposals
            )
            yield from (
                item if isinstance(item, InputError) else next(results) for item in prepared
            )

    def _check_options(self, proposals: str | None, batch_size: int) -> None:
        if proposals not in (None, 'patches', 'detector'):
            raise InputError(
                f"proposals: expected 'patches', 'detector' or None, got {proposals!r}."
            )
        if proposals == 'detector' and not self.has_detector:
            raise InputError(
                "proposals: 'detector' needs a detector; name one with detector=<config or mmdet name>, "
                "or take proposals='patches'."
            )
        if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
            raise InputError(f'batch_size: expected a positive integer, got {batch_size!r}.')

    def _prepare(
        self, source: ImageSource, request: dict[str, Any], proposals: str | None
    ) -> _Prepared | InputError:
        """Read an image and its regions; what is wrong with them is returned, so that a batch goes on."""
        start = time.perf_counter()
        try:
            image = source.read()
            size = image.shape[:2]
            regions = Regions.from_inputs(**request, image_size=size)
        except (InputError, RegionError) as error:
            return error if isinstance(error, InputError) else InputError(f'{source.name}: {error}')
        packed = self.pipeline(_loaded(image, source.name, regions, proposals))
        milliseconds = 1000 * (time.perf_counter() - start)
        return _Prepared(source.with_pixels(image), size, regions, packed, milliseconds)

    def _caption(
        self, batch: Sequence[_Prepared], proposals: str | None
    ) -> Iterator[CaptionResult]:
        if not batch:
            return
        start = time.perf_counter()
        predictions = self._predict([item.packed for item in batch])
        milliseconds = 1000 * (time.perf_counter() - start) / len(batch)
        for item, instances in zip(batch, predictions, strict=True):
            yield CaptionResult.from_prediction(
                item.source,
                item.size,
                instances,
                item.regions,
                classes=self.classes if proposals == 'detector' else None,
                preprocess_ms=item.milliseconds,
                inference_ms=milliseconds,
            )

    @torch.no_grad()
    def _predict(self, packed: list[dict[str, Any]]) -> list[InstanceData]:
        """Run the model; a batch too large for the accelerator's memory is halved until it fits."""
        try:
            with inference_scope(self.cfg):
                samples = self.model.test_step(pseudo_collate(packed))
            # Copying to the CPU waits for the accelerator, so the time measured around this call is complete.
            return [sample.pred_instances.cpu() for sample in samples]
        except torch.cuda.OutOfMemoryError:
            if len(packed) == 1:
                raise
        torch.cuda.empty_cache()
        logger.warning('Out of memory with %d images at once; trying half of them.', len(packed))
        half = len(packed) // 2
        return [*self._predict(packed[:half]), *self._predict(packed[half:])]


def _asked(
    boxes: Any,
    masks: Any,
    points: Any,
    traces: Any,
    region_sets: Any,
    whole_image: bool | Sequence[bool],
) -> dict[str, Any]:
    """The arguments that ask for regions; an empty list is one of them."""
    given = {
        'boxes': boxes,
        'masks': masks,
        'points': points,
        'traces': traces,
        'region_sets': region_sets,
    }
    asked = {name: value for name, value in given.items() if value is not None}
    return asked if whole_image is False else {**asked, 'whole_image': whole_image}


def _loaded(
    image: np.ndarray, name: str, regions: Regions, proposals: str | None
) -> dict[str, Any]:
    """What mmdet's loading transform would have made of an image."""
    results = {
        'img': image,
        'img_id': 0,
        'img_path': name,
        'img_shape': image.shape[:2],
        'ori_shape': image.shape[:2],
        'propose': proposals,
    }
    # Without regions beside them, detections keep all of their fields, masks among them.
    return {**results, 'regions': regions} if len(regions) or proposals is None else results
