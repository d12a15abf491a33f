"""Packing of what a captioner needs beside what a detector needs."""

from __future__ import annotations

from mmdet.datasets.transforms import PackDetInputs

from mmpatchioner.registry import TRANSFORMS

_META_KEYS = (
    'img_id',
    'img_path',
    'ori_shape',
    'img_shape',
    'scale_factor',
    'flip',
    'flip_direction',
    'sample_idx',
    'gt_regions',
    'region_notes',
)


@TRANSFORMS.register_module()
class PackCaptionInputs(PackDetInputs):
    """mmdet's ``PackDetInputs`` that keeps the captioner's view and regions.

    Required keys: ``img``, ``patch_inputs``, ``patch_mode``. Optional keys: ``regions`` (a ``Regions``) and
    ``original_image`` (of ``KeepImage``), put on the data sample, and ``propose`` (``'patches'`` or ``'detector'``, its
    meta information).

    Args:
        meta_keys: Keys of the results that become meta information.
    """

    def __init__(self, meta_keys: tuple[str, ...] = _META_KEYS) -> None:
        super().__init__(meta_keys=(*meta_keys, 'patch_mode', 'propose'))

    def transform(self, results: dict) -> dict:
        """Pack to ``inputs`` (3, H, W), ``patch_inputs`` (3, h, w) and ``data_samples``.

        Raises:
            KeyError: if the pipeline lacks ``AddPatchView``.
        """
        if 'patch_inputs' not in results:
            raise KeyError(
                "PackCaptionInputs: `patch_inputs` is missing; put dict(type='mmpatchioner.AddPatchView', size=...) "
                'directly after the loading of the image.'
            )
        packed = super().transform(results)
        packed['patch_inputs'] = results['patch_inputs']
        for name in ('regions', 'original_image'):
            if name in results:
                packed['data_samples'].set_field(results[name], name)
        return packed
