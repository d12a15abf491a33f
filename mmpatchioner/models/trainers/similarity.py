"""How well texts fit images, given the features of a frozen backbone."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

POOLINGS: dict[str, str] = {
    'mean': 'patches',
    'head_selection': 'heads',
    'mean_head_sum': 'heads',
    'text_weighted': 'patches',
}  # pooling -> the kind of features it reads


def image_text_similarity(
    texts: Tensor, features: Mapping[str, Tensor], pooling: str, patch_temperature: float = 0.03
) -> Tensor:
    """Similarity of every image with every text.

    ``'mean'``
        cosine of the text and the mean patch (or the feature ``mean``, if given).
    ``'head_selection'``
        largest cosine of the text and one of the patches pooled by each attention head (Talk2DINO, arXiv 2411.19331).
    ``'mean_head_sum'``
        cosine of the text and the sum of those: all heads count, none is selected.
    ``'text_weighted'``
        ``sum_i softmax_i(s_i / t) s_i`` over the cosines s_i of text and patches: the patches that fit the text speak
        for the image, smoothly.

    Args:
        texts: (T, D) unit vectors.
        features: ``patches`` (B, N, D), ``mean`` (B, D), ``heads`` (B, H, D): what the pooling needs of these.
        pooling: One of the above.
        patch_temperature: t of ``'text_weighted'``.

    Returns:
        (B, T) in [-1, 1].

    Raises:
        ValueError: if the pooling is unknown.
        KeyError: if its features are not there.
    """
    if pooling not in POOLINGS:
        raise ValueError(f'pooling: expected one of {sorted(POOLINGS)}, got {pooling!r}.')
    if pooling == 'mean' and 'mean' in features:
        return F.normalize(features['mean'], dim=-1) @ texts.T
    kind = POOLINGS[pooling]
    if kind not in features:
        raise KeyError(
            f'pooling {pooling!r} needs the features {kind!r}, given are {sorted(features)}; '
            "add it to the dataset's `features`."
        )
    tokens = features[kind]
    if pooling in ('mean', 'mean_head_sum'):
        return F.normalize(tokens.mean(dim=1), dim=-1) @ texts.T
    cosines = F.normalize(tokens, dim=-1) @ texts.T  # (B, N or H, T)
    if pooling == 'head_selection':
        return cosines.amax(dim=1)
    return (torch.softmax(cosines / patch_temperature, dim=1) * cosines).sum(dim=1)
