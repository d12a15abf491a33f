"""Regions of an image as rows of weights over its patch grid: the heart of the package.

    regions (boxes, masks, points, ...) + PatchGrid  --region_weights-->  W (R, N), rows sum to 1
    W @ patches (N, D)                               ----------------->  one vector a region (R, D)

Geometry only: no learned parameter, and nothing here knows of detectors or captions.
"""

from .errors import RegionError
from .geometry import PatchGrid
from .regions import Regions
from .weights import COMPAT, region_weights

__all__ = ['COMPAT', 'PatchGrid', 'RegionError', 'Regions', 'region_weights']
