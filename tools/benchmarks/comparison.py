"""What a row of the benchmark is: two sides, their times, and whether they agree."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.networks import Sizes
from benchmarks.timing import Timed, time_in_turn


class SkippedError(Exception):
    """A row can not be measured here; the message is one line with the remedy."""


@dataclass(frozen=True)
class Setting:
    """How everything is measured.

    Args:
        sizes: Of the models and the numbers of regions.
        repeats: Least number of runs of each side.
        tokenizer: File of :func:`benchmarks.networks.write_tokenizer`.
        clock: Tells the seconds.
    """

    sizes: Sizes
    repeats: int
    tokenizer: Path
    clock: Callable[[], float] = time.perf_counter

    def measure(self, reference: Callable[[], Any], own: Callable[[], Any]) -> tuple[Timed, Timed]:
        """Time what ours is compared with, and ours."""
        return time_in_turn(reference, own, self.repeats, self.clock)

    def target(self, ratio: float | None) -> float | None:
        """A target that was set for the default sizes; None for others."""
        return ratio if self.sizes == Sizes() else None


@dataclass(frozen=True)
class Comparison:
    """One line of the table.

    Args:
        name: Of the line.
        reference: What the time is compared with.
        reference_time: Its runs.
        time: Ours.
        regions: Regions of one run.
        target: At least so many times faster than the reference; or, if ``costs``, at most so many times its time;
            or None.
        costs: Whether the ratio is our time over the reference's rather than the reverse.
        equal: Whether the results are what they must be.
        checked: What ``equal`` means.
    """

    name: str
    reference: str
    reference_time: Timed
    time: Timed
    regions: int
    target: float | None
    costs: bool
    equal: bool
    checked: str

    @property
    def ratio(self) -> float:
        """Ratio of the medians, in the sense of ``costs``."""
        speedup = self.reference_time.median / self.time.median
        return 1 / speedup if self.costs else speedup

    @property
    def met(self) -> bool | None:
        """Whether the target is met, if there is one."""
        if self.target is None:
            return None
        return self.ratio <= self.target if self.costs else self.ratio >= self.target
