"""mmengine visualizer of captioned regions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mmcv
import numpy as np
from mmdet.structures import DetDataSample
from mmdet.visualization import DetLocalVisualizer
from mmengine.dist import master_only
from mmengine.structures import InstanceData

from mmpatchioner.registry import VISUALIZERS
from mmpatchioner.visualization.captions import draw_captions
from mmpatchioner.visualization.entries import region_entries
from mmpatchioner.visualization.palette import PAPER
from mmpatchioner.visualization.references import reference_shapes
from mmpatchioner.visualization.shapes import RegionShape


@VISUALIZERS.register_module()
class RegionCaptionVisualizer(DetLocalVisualizer):
    """Draws what a captioner predicts, and the reference captions beside it.

    A drop-in for ``DetLocalVisualizer`` in a config: all of mmengine's storage backends and mmdet's visualization
    hook work with it. Data samples without captions are drawn as mmdet draws them.

    Args:
        name: Name of the instance.
        min_side: A picture whose longer side is smaller is enlarged to it. Pixels.
        font_path: A font to use first; characters it lacks are taken from others.
        max_regions: At most so many regions of a picture are drawn, those that were asked for first.
        **kwargs: Arguments of ``DetLocalVisualizer``: ``vis_backends``, ``save_dir``, ...
    """

    def __init__(
        self,
        name: str = 'visualizer',
        min_side: int = 640,
        font_path: str | Path | None = None,
        max_regions: int = 100,
        **kwargs: Any,
    ) -> None:
        super().__init__(name, **kwargs)
        self.min_side = min_side
        self.font_path = font_path
        self.max_regions = max_regions

    @master_only
    def add_datasample(
        self,
        name: str,
        image: np.ndarray,
        data_sample: DetDataSample | None = None,
        draw_gt: bool = True,
        draw_pred: bool = True,
        show: bool = False,
        wait_time: float = 0,
        out_file: str | None = None,
        pred_score_thr: float = 0.3,
        step: int = 0,
    ) -> None:
        """Draw a data sample and hand it to the storage backends, a window or a file.

        Args:
            name: Name of the image for the backends.
            image: (H, W, 3) RGB.
            data_sample: Predictions with ``captions`` and, beside them, ground truth: ``gt_regions`` of a dataset of
                captioned regions, or instances with ``captions``.
            draw_gt: Whether to draw the ground truth.
            draw_pred: Whether to draw the predictions.
            show: Show a window instead of storing.
            wait_time: Seconds the window stays; 0 waits for a key.
            out_file: Store to this file instead of the backends.
            pred_score_thr: Detections with a lower score are not drawn; regions without a score always are.
            step: Step for the backends.
        """
        panels = []
        if data_sample is not None:
            data_sample = data_sample.cpu()
            size = image.shape[:2]
            if draw_gt and data_sample.get('gt_regions'):
                panels.append(self._draw(image, reference_shapes(data_sample.gt_regions, size)))
            elif draw_gt and 'captions' in data_sample.get('gt_instances', {}):
                panels.append(self._draw(image, _reference_shapes(data_sample.gt_instances)))
            if draw_pred and 'captions' in data_sample.get('pred_instances', {}):
                entries = region_entries(
                    data_sample.pred_instances, size, data_sample.get('regions')
                )
                shown = [e for e in entries if e.get('detection_score', 1.0) >= pred_score_thr]
                panels.append(self._draw(image, [RegionShape.from_dict(entry) for entry in shown]))
        if not panels:
            super().add_datasample(
                name,
                image,
                data_sample,
                draw_gt,
                draw_pred,
                show,
                wait_time,
                out_file,
                pred_score_thr,
                step,
            )
            return
        drawn = _side_by_side(panels)
        self.set_image(drawn)
        if show:
            self.show(drawn, win_name=name, wait_time=wait_time)
        if out_file is not None:
            mmcv.imwrite(drawn[..., ::-1], out_file)
        else:
            self.add_image(name, drawn, step)

    def _draw(self, image: np.ndarray, shapes: list[RegionShape]) -> np.ndarray:
        pixels = image.clip(0, 255).astype(np.uint8)
        return draw_captions(
            pixels, shapes[: self.max_regions], min_side=self.min_side, font_path=self.font_path
        )


def _reference_shapes(instances: InstanceData) -> list[RegionShape]:
    """Ground truth; of several reference captions of a region, the first is drawn."""
    boxes = instances.get('bboxes')
    if boxes is None:
        return []
    rows = np.asarray(getattr(boxes, 'tensor', boxes), dtype=np.float64)
    texts = [text if isinstance(text, str) else next(iter(text), '') for text in instances.captions]
    return [
        RegionShape('box', text, boxes=box[None]) for text, box in zip(texts, rows, strict=True)
    ]


def _side_by_side(panels: list[np.ndarray]) -> np.ndarray:
    """Put pictures of any height next to each other, aligned at the top."""
    height = max(panel.shape[0] for panel in panels)
    padded = []
    for panel in panels:
        sheet = np.full((height, *panel.shape[1:]), PAPER, dtype=np.uint8)
        sheet[: panel.shape[0]] = panel
        padded.append(sheet)
    return np.concatenate(padded, axis=1)
