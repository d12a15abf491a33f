"""A function of many texts that computes each of them once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

T = TypeVar('T')


class Memo(Generic[T]):
    """Results of a batched function, kept by text; of too many the oldest are forgotten.

    Args:
        compute: Results of distinct texts, in order.
        size: Results that are kept.

    Example:
        >>> memo = Memo(lambda texts: [text.upper() for text in texts])
        >>> memo(['a', 'b', 'a'])
        {'a': 'A', 'b': 'B'}
    """

    def __init__(self, compute: Callable[[list[str]], Sequence[T]], size: int = 2**17) -> None:
        self._compute = compute
        self._size = size
        self._kept: dict[str, T] = {}

    def __call__(self, texts: Iterable[str]) -> dict[str, T]:
        """Result of every distinct text; those not yet known are computed in one call."""
        distinct = list(dict.fromkeys(texts))
        unknown = [text for text in distinct if text not in self._kept]
        if unknown:
            self._kept.update(zip(unknown, self._compute(unknown), strict=True))
        results = {text: self._kept[text] for text in distinct}
        for text in list(self._kept)[: max(0, len(self._kept) - self._size)]:
            del self._kept[text]
        return results
