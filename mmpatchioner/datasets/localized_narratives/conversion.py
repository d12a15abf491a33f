"""From narratives to samples of trace captioning (paper, section 4.1; the construction code is not published)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice

from mmpatchioner.datasets.localized_narratives.alignment import points_within, sentence_intervals
from mmpatchioner.datasets.localized_narratives.image_lists import image_key
from mmpatchioner.datasets.localized_narratives.noise import noise_of
from mmpatchioner.datasets.localized_narratives.reading import Narrative, TracePoint
from mmpatchioner.datasets.localized_narratives.rewriting import Rewriter
from mmpatchioner.datasets.localized_narratives.sentences import split_sentences
from mmpatchioner.datasets.localized_narratives.writing import TraceSample


@dataclass
class ConversionCounts:
    """What became of the narratives and of their sentences.

    ``sentences`` is the sum of the five that follow it.

    Attributes:
        narratives: Narratives in the files.
        other_datasets: Of these, left out because of their dataset.
        other_images: Left out because of their image.
        sentences: Sentences of the narratives that were used.
        noise: Dropped, they are about the image itself.
        unaligned: Dropped, the recording has none of their words.
        without_points: Dropped, too few points of their traces are inside the image.
        unnamed: Dropped by the rewriting, they name nothing.
        kept: Samples.
    """

    narratives: int = 0
    other_datasets: int = 0
    other_images: int = 0
    sentences: int = 0
    noise: int = 0
    unaligned: int = 0
    without_points: int = 0
    unnamed: int = 0
    kept: int = 0


@dataclass
class Selection:
    """Which narratives are used: ``select`` of :func:`read_narratives`, which counts as it goes.

    Attributes:
        counts: Where narratives are counted.
        images: Keys of the images (:func:`image_key`); None is all.
        dataset_ids: Datasets, ``*`` stands for any characters; none is all.
    """

    counts: ConversionCounts
    images: Collection[str] | None = None
    dataset_ids: Collection[str] = ()

    def __call__(self, dataset_id: str, image_id: str) -> bool:
        """Whether a narrative is used."""
        self.counts.narratives += 1
        if self.dataset_ids and not any(
            fnmatchcase(dataset_id, pattern) for pattern in self.dataset_ids
        ):
            self.counts.other_datasets += 1
            return False
        if self.images is not None and image_key(image_id) not in self.images:
            self.counts.other_images += 1
            return False
        return True


def trace_samples(
    narratives: Iterable[Narrative],
    rewriter: Rewriter,
    counts: ConversionCounts,
    drop_noise: bool = True,
    min_points: int = 1,
    chunk_size: int = 256,
) -> Iterator[TraceSample]:
    """Make a sample of every sentence that names something and has a trace.

    Args:
        narratives: What was read.
        rewriter: Makes captions of sentences.
        counts: Where sentences are counted.
        drop_noise: Leave out sentences about the image itself (:func:`noise_of`).
        min_points: How many points of a trace must lie inside of the image.
        chunk_size: Sentences that are rewritten at once.

    Yields:
        The samples, in the order of the narratives and of their sentences.

    Raises:
        RewriteError: if the rewriter fails.
    """
    spoken = (
        sample
        for narrative in narratives
        for sample in sentence_samples(narrative, counts, drop_noise, min_points)
    )
    while chunk := list(islice(spoken, chunk_size)):
        captions = rewriter.rewrite_all([sample.caption for sample in chunk])
        for sample, caption in zip(chunk, captions, strict=True):
            if caption is None:
                counts.unnamed += 1
            else:
                counts.kept += 1
                yield sample._replace(caption=caption)


def sentence_samples(
    narrative: Narrative, counts: ConversionCounts, drop_noise: bool = True, min_points: int = 1
) -> Iterator[TraceSample]:
    """The sentences of a narrative as they were spoken, each with its part of the trace; see :func:`trace_samples`."""
    sentences = split_sentences(narrative.caption)
    counts.sentences += len(sentences)
    intervals = sentence_intervals(sentences, narrative.utterances)
    for sentence, interval in zip(sentences, intervals, strict=True):
        if drop_noise and noise_of(sentence):
            counts.noise += 1
        elif interval is None:
            counts.unaligned += 1
        else:
            points = points_within(narrative.points, interval)
            if sum(map(_is_inside, points)) < max(1, min_points):
                counts.without_points += 1
            else:
                yield TraceSample(narrative.image_id, sentence, points)


def _is_inside(point: TracePoint) -> bool:
    return 0 <= point.x <= 1 and 0 <= point.y <= 1
