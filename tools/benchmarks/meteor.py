"""METEOR of the captions of regions, from requests that wait for one another or that stream."""

from __future__ import annotations

import json
import re
import subprocess
import time
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np

from benchmarks.comparison import Comparison, Setting, SkippedError
from benchmarks.networks import Sizes
from benchmarks.timing import Timed
from mmpatchioner.evaluation.functional.java import ExternalToolError, coco_caption_file, find_java
from mmpatchioner.evaluation.functional.meteor import Meteor, find_meteor_jar
from mmpatchioner.evaluation.functional.meteor_scorer import Pair

_REGIONS, _TINY_REGIONS = 20_000, 40
# Pairs before the clock runs, others than those that are measured. Java becomes three times faster in the first 60,000
# pairs; the test set of Visual Genome has 230,000.
_WARM_UP = 60_000
# What precedes has 5.5 words on average, as the descriptions of regions in Visual Genome have.
_CUT = re.compile(r'[.,;\n]|\b(?:and|as|in|near|next|that|which|while|who|with)\b')


def meteor(setting: Setting) -> Iterator[Comparison]:
    """Each pair is sent, scored and read before the next, against one stream; Java's start is left out on both sides.

    The time is that of the wall whatever the setting, since most of it passes in Java.
    """
    full = setting.sizes == Sizes()
    count, warm_up = (_REGIONS, _WARM_UP) if full else (_TINY_REGIONS, 1)
    try:
        find_java()
        jar = find_meteor_jar()
        pairs = _phrases()
    except ExternalToolError as error:
        raise SkippedError(str(error)) from error
    runs: list[tuple[Timed, Timed]] = []
    with _Alternating(jar) as theirs, Meteor(jar) as ours:
        theirs.score(pairs[:warm_up])
        ours.score(pairs[:warm_up])
        for start in range(warm_up, len(pairs) - count, count)[: setting.repeats]:
            # Dense captioning scores each region twice: for its place in the mAP, and for the METEOR of the corpus.
            chosen = 2 * pairs[start : start + count]
            runs.append((_timed(theirs.score, chosen), _timed(ours.score, chosen)))
    reference, own = (_joined(side) for side in zip(*runs, strict=True))
    yield Comparison(
        name=f'METEOR, {count:,} phrases of COCO captions, twice',
        reference='alternating requests',
        reference_time=reference,
        time=own,
        regions=count,
        target=setting.target(5.0),
        costs=False,
        equal=np.allclose(reference.result, own.result, rtol=0.0, atol=1e-12),
        checked='same scores to 1e-12',
    )


class _Alternating(AbstractContextManager):
    """The published bridge, written for this benchmark: SCORE, wait for the counts, EVAL, wait for the score."""

    def __init__(self, jar: Path) -> None:
        command = [str(find_java()), '-jar', '-Xmx2G', str(jar), '-', '-', '-stdio', '-l', 'en']
        self._process = subprocess.Popen(
            [*command, '-norm'],
            cwd=jar.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding='utf-8',
        )

    def score(self, pairs: Sequence[Pair]) -> list[float]:
        scores = []
        for hypothesis, references in pairs:
            self._write(' ||| '.join(['SCORE', *references, hypothesis]))
            self._write(f'EVAL ||| {self._read()}')
            scores.append(float(self._read()))
            self._read()  # the score of the corpus of one
        return scores

    def __exit__(self, *exc_info: object) -> None:
        with self._process:
            self._process.kill()

    def _write(self, line: str) -> None:
        self._process.stdin.write(line + '\n')
        self._process.stdin.flush()

    def _read(self) -> str:
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError('METEOR ended.')
        return line.strip()


def _phrases() -> list[Pair]:
    """The first phrases of captions of COCO val2014, each against that of the next caption of the same image.

    They are as long as descriptions of regions, and repeat as what people write does. The captions are in
    pycocoevalcap's jar of SPICE.
    """
    with zipfile.ZipFile(coco_caption_file('spice/spice-1.0.jar')) as archive:
        content = json.loads(archive.read('coco/annotations/captions_val2014.json'))
    by_image = defaultdict(list)
    for annotation in content['annotations']:
        phrase = _CUT.split(annotation['caption'].strip().lower(), maxsplit=1)[0].strip()
        by_image[annotation['image_id']].append(phrase)
    return [
        (phrase, [phrases[(place + 1) % len(phrases)]])
        for phrases in by_image.values()
        for place, phrase in enumerate(phrases)
    ]


def _timed(score: Callable[[Sequence[Pair]], list[float]], pairs: Sequence[Pair]) -> Timed:
    start = time.perf_counter()
    scores = score(pairs)
    return Timed((time.perf_counter() - start,), scores)


def _joined(runs: Sequence[Timed]) -> Timed:
    return Timed(tuple(run.median for run in runs), [score for run in runs for score in run.result])
