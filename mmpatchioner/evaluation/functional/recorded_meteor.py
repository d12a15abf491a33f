"""METEOR of pairs that were scored before: no Java, and the same numbers."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmpatchioner.evaluation.functional.meteor_formula import NUM_STATISTICS
from mmpatchioner.evaluation.functional.meteor_scorer import MeteorScorer, Pair, pair_key
from mmpatchioner.files import write_atomic

_FORMAT = 'meteor-1.5 statistics'


class UnknownPairError(LookupError):
    """A pair was not recorded."""


class RecordedMeteor(MeteorScorer):
    """Scores of the pairs in a file of :meth:`record`.

    Args:
        path: The file.

    Raises:
        OSError: if it can not be read.
        ValueError: if it is not such a file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        try:
            content = json.loads(self._path.read_text(encoding='utf-8'))
            if content['format'] != _FORMAT:
                raise ValueError(f'its format is {content["format"]!r}')
            self._statistics = {
                tuple(entry['pair']): np.array(entry['statistics'], dtype=np.float64)
                for entry in content['pairs']
            }
            shapes = {statistics.shape for statistics in self._statistics.values()}
            if not shapes <= {(NUM_STATISTICS,)}:
                raise ValueError(f'statistics of shapes {shapes}')
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f'{self._path}: expected a file of RecordedMeteor.record, got something else ({error!r}).'
            ) from error

    @staticmethod
    def record(
        path: str | os.PathLike[str], meteor: MeteorScorer, pairs: Sequence[Pair]
    ) -> RecordedMeteor:
        """Score pairs once and write what is needed to score them again.

        Args:
            path: JSON file to write, whole or not at all.
            meteor: Scores the pairs.
            pairs: Which.

        Returns:
            The scorer that reads the file.
        """
        different = {pair_key(pair): pair for pair in pairs}
        statistics = meteor.statistics(list(different.values()))
        entries = [
            {'pair': key, 'statistics': [int(number) for number in row]}
            for key, row in zip(different, statistics, strict=True)
        ]
        lines = ',\n'.join(json.dumps(entry, ensure_ascii=False) for entry in entries)
        text = f'{{"format": {json.dumps(_FORMAT)}, "pairs": [\n{lines}\n]}}\n'
        write_atomic(path, text.encode())
        return RecordedMeteor(path)

    def statistics(self, pairs: Sequence[Pair]) -> NDArray[np.float64]:
        """(P, 23) recorded numbers of METEOR's aligner for the pairs, in their order.

        Raises:
            UnknownPairError: if a pair was not recorded.
            TypeError: if a pair is not a text and a sequence of texts.
        """
        rows = []
        for pair in pairs:
            row = self._statistics.get(pair_key(pair))
            if row is None:
                raise UnknownPairError(
                    f'{self._path} has no score of {pair[0]!r} against {list(pair[1])!r}: '
                    'record it with RecordedMeteor.record and Java.'
                )
            rows.append(row)
        return np.array(rows, dtype=np.float64).reshape(-1, NUM_STATISTICS)
