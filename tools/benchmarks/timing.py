"""Two sides of a comparison, timed in turn."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

_SLOW_SECONDS = (
    5.0  # a first run beyond this is counted: warming up would not change it, only take time
)
_ENOUGH_SECONDS = 4.0  # quick sides are repeated for so long
_MOST_REPEATS = 15


@dataclass(frozen=True)
class Timed:
    """One side of a comparison.

    Args:
        seconds: Of every run.
        result: What its first run returned.
    """

    seconds: tuple[float, ...]
    result: Any

    @property
    def median(self) -> float:
        """Median of the runs, seconds."""
        return median(self.seconds)


def time_in_turn(
    first: Callable[[], Any],
    second: Callable[[], Any],
    repeats: int,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[Timed, Timed]:
    """Run both sides alternately, so that whatever else the machine does slows both.

    Args:
        first: One side.
        second: The other.
        repeats: Least number of runs of each that are counted.
        clock: Tells the seconds.
    """
    sides = (first, second)
    starts = [_run(side, clock) for side in sides]
    counted: list[list[float]] = [[s] if s > _SLOW_SECONDS else [] for s, _ in starts]
    began = time.perf_counter()
    while _goes_on(counted, repeats, time.perf_counter() - began):
        for side, (start, _), seconds in zip(sides, starts, counted, strict=True):
            if start <= _SLOW_SECONDS or len(seconds) < repeats:
                seconds.append(_run(side, clock)[0])
    first_timed, second_timed = (
        Timed(tuple(seconds), result) for seconds, (_, result) in zip(counted, starts, strict=True)
    )
    return first_timed, second_timed


def _goes_on(counted: list[list[float]], repeats: int, spent: float) -> bool:
    done = min(map(len, counted))
    return done < repeats or (spent < _ENOUGH_SECONDS and done < _MOST_REPEATS)


def _run(side: Callable[[], Any], clock: Callable[[], float]) -> tuple[float, Any]:
    start = clock()
    result = side()
    return clock() - start, result
