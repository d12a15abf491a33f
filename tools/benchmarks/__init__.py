"""Parts of tools/benchmark.py."""

import mmpatchioner  # noqa: F401  (before mmdet, which it makes importable without compiled operators)
