"""Symmetric InfoNCE where an image may have several texts, and a text several images."""

from __future__ import annotations

import torch
from mmengine.dist import get_world_size
from torch import Tensor
from torch.distributed.nn.functional import all_gather
from torch.nn import functional as F


def gather_with_gradient(tensor: Tensor) -> Tensor:
    """Concatenate a tensor (B, ...) over all processes, so that gradients flow back to every one of them.

    With the mean that DistributedDataParallel takes over the processes, a loss of the gathered tensor that every
    process computes has exactly the gradient of one process with the whole batch. Shapes must agree everywhere.
    """
    if get_world_size() == 1:
        return tensor
    return torch.cat(all_gather(tensor.contiguous()), dim=0)


def info_nce(
    logits: Tensor, positives: Tensor, related: Tensor, valid: Tensor
) -> tuple[Tensor, Tensor]:
    """Symmetric InfoNCE over pairs of image and text.

    A pair competes with the images that do not have the text, and with the texts that do not belong to the image:
    what is ``related`` is neither a positive nor a negative, but for the pair itself.

    Args:
        logits: (I, T) similarity of images and texts, divided by the temperature.
        positives: (T,) the image of every text.
        related: (I, T) bool, whether a text belongs to an image.
        valid: (T,) bool; other texts are padding and take no part.

    Returns:
        The loss (mean over valid texts and both directions) and the share of texts whose own image scores highest.
        Without a valid text both are 0.
    """
    columns = torch.arange(len(positives), device=logits.device)
    own_image = torch.zeros_like(related)
    own_image[positives, columns] = True
    to_image = logits.masked_fill(related & ~own_image, float('-inf')).T  # (T, I)
    own_text = torch.eye(len(positives), dtype=torch.bool, device=logits.device)
    hidden = (related[positives] | ~valid) & ~own_text
    to_text = logits[positives].masked_fill(
        hidden, float('-inf')
    )  # (T, T): row j is the image of text j
    losses = F.cross_entropy(to_image, positives, reduction='none')
    losses = losses + F.cross_entropy(to_text, columns, reduction='none')
    count = valid.sum().clamp(min=1)
    hits = (to_image.argmax(dim=1) == positives) & valid
    return (losses * valid).sum() / (2 * count), hits.sum() / count
