"""torchvision's operators, where torchvision is installed and fits the installed torch."""

from __future__ import annotations

import functools
import importlib
from types import ModuleType

import torch


@functools.cache
def torchvision_ops(device_type: str) -> ModuleType | None:
    """The module ``torchvision.ops`` if its compiled kernels work on the device, else None.

    A torchvision built for another torch raises at import, or imports and fails at the first call
    (on one kind of device only, if it was built without CUDA): which error depends on both
    versions, hence the trial call.

    Args:
        device_type: For instance ``'cpu'`` or ``'cuda'``.
    """
    try:
        ops = importlib.import_module('torchvision.ops')
        box = torch.zeros(1, 4, device=device_type)
        ops.nms(box, box[:, 0], 0.5)
    except (ImportError, RuntimeError, AttributeError, OSError):
        return None
    return ops
