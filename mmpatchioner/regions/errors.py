"""The one error of this package."""

from __future__ import annotations


class RegionError(ValueError):
    """A region cannot be pooled as it was given; the message names the field, the index and the remedy."""
