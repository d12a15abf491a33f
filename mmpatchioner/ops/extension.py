"""The module that stands in for ``mmcv._ext``: the operators by the names that mmcv gives them."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, NoReturn

import torch

from mmpatchioner.ops import (
    boxes,
    carafe,
    deform_attn,
    deform_conv,
    focal_loss,
    masked_conv,
    nms,
    roi_align,
    roi_pool,
    rotated,
    softnms,
)

NAME = 'mmcv._ext'
PORTABLE = 'none: portable operators of mmpatchioner.ops'

OPERATORS: dict[str, Callable[..., Any]] = {
    'bbox_overlaps': boxes.bbox_overlaps,
    'box_iou_rotated': rotated.box_iou_rotated,
    'carafe_backward': carafe.carafe_backward,
    'carafe_forward': carafe.carafe_forward,
    'carafe_naive_backward': carafe.carafe_naive_backward,
    'carafe_naive_forward': carafe.carafe_naive_forward,
    'deform_conv_backward_input': deform_conv.deform_conv_backward_input,
    'deform_conv_backward_parameters': deform_conv.deform_conv_backward_parameters,
    'deform_conv_forward': deform_conv.deform_conv_forward,
    'masked_col2im_forward': masked_conv.masked_col2im_forward,
    'masked_im2col_forward': masked_conv.masked_im2col_forward,
    'modulated_deform_conv_backward': deform_conv.modulated_deform_conv_backward,
    'modulated_deform_conv_forward': deform_conv.modulated_deform_conv_forward,
    'ms_deform_attn_backward': deform_attn.ms_deform_attn_backward,
    'ms_deform_attn_forward': deform_attn.ms_deform_attn_forward,
    'nms': nms.nms,
    'nms_match': nms.nms_match,
    'nms_rotated': rotated.nms_rotated,
    'roi_align_backward': roi_align.roi_align_backward,
    'roi_align_forward': roi_align.roi_align_forward,
    'roi_pool_backward': roi_pool.roi_pool_backward,
    'roi_pool_forward': roi_pool.roi_pool_forward,
    'sigmoid_focal_loss_backward': focal_loss.sigmoid_focal_loss_backward,
    'sigmoid_focal_loss_forward': focal_loss.sigmoid_focal_loss_forward,
    'softmax_focal_loss_backward': focal_loss.softmax_focal_loss_backward,
    'softmax_focal_loss_forward': focal_loss.softmax_focal_loss_forward,
    'softnms': softnms.softnms,
}


class PortableExtension(ModuleType):
    """A module with every name that mmcv may ask of its extension.

    mmcv asserts the names of all its operators when ``mmcv.ops`` is imported; the list differs from
    version to version. A name without a portable operator is therefore a function that says so when
    it is called.
    """

    def __getattr__(self, name: str) -> Callable[..., NoReturn]:
        # Python itself asks modules for optional private names and relies on the answer.
        if name.startswith('_'):
            raise AttributeError(f'module {self.__name__!r} has no attribute {name!r}')
        return _unsupported(name)


class PortableLoader(Loader):
    """Makes the module, so that ``mmcv.utils.ext_loader`` finds it like any other."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Create the empty module."""
        return PortableExtension(spec.name, 'Operators of mmcv in plain torch (mmpatchioner.ops).')

    def exec_module(self, module: ModuleType) -> None:
        """Fill the module with the operators."""
        for name, operator in OPERATORS.items():
            setattr(module, name, _as_called_by_mmcv(operator))
        # mmcv reports both in the description of the environment at the head of a log.
        versions = {'get_compiler_version': PORTABLE, 'get_compiling_cuda_version': 'none'}
        for name, version in versions.items():
            setattr(module, name, functools.partial(str, version))


def _unsupported(name: str) -> Callable[..., NoReturn]:
    def operator(*_args: object, **_kwargs: object) -> NoReturn:
        raise NotImplementedError(
            f"mmcv's operator {name!r} has no portable version in mmpatchioner.ops. Remedy: install "
            'mmcv 2.1 with compiled operators, or onedl-mmcv where mmcv has no wheel for your torch '
            '(docs/portable_ops.md).'
        )

    operator.__name__ = name
    return operator


def _as_called_by_mmcv(operator: Callable[..., Any]) -> Callable[..., Any]:
    """Announce the first use, and ignore autocast: arguments decide the precision."""

    @functools.wraps(operator)
    def wrapped(tensor: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        _announce()
        with _without_autocast(tensor.device.type):
            return operator(tensor, *args, **kwargs)

    return wrapped


def _without_autocast(device_type: str) -> contextlib.AbstractContextManager[None]:
    # Older torch refuses the context for devices that know no autocast.
    if device_type in ('cpu', 'cuda'):
        return torch.autocast(device_type, enabled=False)
    return contextlib.nullcontext()


@functools.cache
def _announce() -> None:
    """Say once in the log of the run that the portable operators are used."""
    # At the first use and not at import: by then the runner has set up its log.
    from mmengine.logging import print_log

    print_log(
        'The compiled operators of mmcv are not installed: '
        'the portable operators of mmpatchioner.ops are used.',
        logger='current',
    )
