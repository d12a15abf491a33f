"""A corpus of texts: several files, cleaned, filtered and sampled."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mmengine.logging import print_log

from mmpatchioner.datasets.phrases import NounPhrases, normalise_caption
from mmpatchioner.datasets.readers import Entry, read_texts
from mmpatchioner.registry import DATASETS

_CLEANERS: dict[str, Callable[[str], str]] = {
    'none': str.strip,
    'lower': lambda text: text.strip().lower(),
    'words': normalise_caption,
}


@dataclass(frozen=True)
class CorpusText:
    """A text of a corpus.

    Attributes:
        text: The text, cleaned.
        image: Name or id of its image, if the file tells.
        count: How often it was read, before copies were removed; of a phrase, how often it was cut.
        kind: ``'caption'`` or ``'phrase'``.
    """

    text: str
    image: str | None = None
    count: int = 1
    kind: str = 'caption'


@DATASETS.register_module()
class TextCorpus:
    r"""Texts for training, for a memory, or for a tokenizer.

    The steps are those of the arguments, in their order. What they leave is told in the log.

    Args:
        sources: Arguments of :func:`mmpatchioner.datasets.readers.read_texts`, one dict a file.
        clean: ``'none'``; ``'lower'`` lower-cases; ``'words'`` lower-cases and keeps nothing but words, the form in
            which captions are compared.
        min_words: Leave out shorter texts.
        max_words: Leave out longer texts.
        exclude: Sources whose texts must not appear, e.g. held out captions. They are compared as words, so that case
            and punctuation do not hide a copy.
        exclude_images: Images whose texts must not appear, by the names or ids of the files.
        exclude_image_sources: Sources whose images must not appear, e.g. the test split of Karpathy.
        dedupe: Keep the first of equal texts. Off for training that shall see a text as often as it occurs.
        part: Keep only ``'train'`` or ``'val'``: a text falls to either by a hash of its words, so that copies share a
            side, and it stays on it when the files grow. None keeps all.
        val_share: Share of the texts that fall to ``'val'``.
        sample: Keep this many, drawn without replacement; the order is that of the files.
        seed: Of the sample.
        phrases: Cut noun phrases out of the captions: ``dict(min_count=1, mode='only')`` gives distinct phrases that
            occur often enough, ``mode='add'`` the captions and then the phrases. ``power=0.5`` repeats each phrase as
            often as the square root of its count, so that a training sees common ones more often.

    Attributes:
        entries: The texts with what is known of them.

    Raises:
        ValueError: if an argument is out of range, or no text is left.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / 'captions.txt'
        >>> _ = path.write_text('A dog runs.\na dog runs\nTwo cats on a mat.')
        >>> TextCorpus(dict(path=str(path)), clean='words').texts
        ['a dog runs', 'two cats on a mat']
    """

    def __init__(
        self,
        sources: dict[str, Any] | Sequence[dict[str, Any]],
        clean: str = 'none',
        min_words: int = 1,
        max_words: int | None = None,
        exclude: dict[str, Any] | Sequence[dict[str, Any]] = (),
        exclude_images: Iterable[str | int] = (),
        exclude_image_sources: dict[str, Any] | Sequence[dict[str, Any]] = (),
        dedupe: bool = True,
        part: str | None = None,
        val_share: float = 0.02,
        sample: int | None = None,
        seed: int = 0,
        phrases: dict[str, Any] | None = None,
    ) -> None:
        if clean not in _CLEANERS:
            raise ValueError(f'corpus.clean: expected one of {sorted(_CLEANERS)}, got {clean!r}.')
        if part not in (None, 'train', 'val') or not 0 <= val_share <= 1:
            raise ValueError(
                f"corpus: expected part 'train', 'val' or None and val_share in [0, 1], got {part!r} and {val_share}."
            )
        if sample is not None and sample < 1:
            raise ValueError(f'corpus.sample: expected a positive number or None, got {sample}.')
        self._banned_images = {str(image) for image in exclude_images}
        self._banned_images |= {image for image, _ in _read(exclude_image_sources) if image}
        self._banned_texts = {normalise_caption(text) for _, text in _read(exclude)}
        self._part, self._val_share = part, val_share
        self._words = (min_words, float('inf') if max_words is None else max_words)
        read = [(image, _CLEANERS[clean](text)) for image, text in _read(sources)]
        allowed = [(image, text) for image, text in read if self._allows(image, text)]
        counts = Counter(text for _, text in allowed)
        entries = [CorpusText(text, image, counts[text]) for image, text in allowed]
        if dedupe:
            entries = _first_of_equals(entries)
        num_distinct = len(entries)
        if sample is not None and sample < len(entries):
            drawn = sorted(random.Random(seed).sample(range(len(entries)), sample))
            entries = [entries[index] for index in drawn]
        if not entries:
            raise ValueError(
                f'corpus: no text is left of the {len(read)} that were read; relax the filters.'
            )
        self.entries = entries if phrases is None else _with_phrases(entries, **phrases)
        print_log(
            f'Corpus: {len(read):,} texts read, {len(allowed):,} allowed, {num_distinct:,} after removal of copies, '
            f'{len(self):,} used' + (f' (sample of {sample:,}, seed {seed})' if sample else ''),
            logger='current',
        )

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def texts(self) -> list[str]:
        """The texts, in order."""
        return [entry.text for entry in self.entries]

    def _allows(self, image: str | None, text: str) -> bool:
        shortest, longest = self._words
        return (
            image not in self._banned_images
            and shortest <= len(text.split()) <= longest
            and (self._part is None or _part_of(text, self._val_share) == self._part)
            and not (self._banned_texts and normalise_caption(text) in self._banned_texts)
        )

    def by_image(self) -> dict[str, list[str]]:
        """The texts of every image, in the order of the files.

        Raises:
            ValueError: if a source tells no image.
        """
        grouped: dict[str, list[str]] = {}
        for entry in self.entries:
            if entry.image is None:
                raise ValueError(
                    "corpus: a source tells no images; pairs of image and text need 'jsonl', COCO captions or "
                    "Karpathy's splits, without `phrases`."
                )
            grouped.setdefault(entry.image, []).append(entry.text)
        return grouped


def _part_of(text: str, val_share: float) -> str:
    digest = hashlib.sha256(normalise_caption(text).encode()).digest()
    return 'val' if int.from_bytes(digest[:8], 'big') < val_share * 2**64 else 'train'


def _first_of_equals(entries: Iterable[CorpusText]) -> list[CorpusText]:
    first: dict[str, CorpusText] = {}
    for entry in entries:
        first.setdefault(entry.text, entry)
    return list(first.values())


def _with_phrases(
    captions: list[CorpusText], min_count: int = 1, mode: str = 'only', power: float = 0.0
) -> list[CorpusText]:
    if mode not in ('only', 'add'):
        raise ValueError(f"corpus.phrases.mode: expected 'only' or 'add', got {mode!r}.")
    cutter = NounPhrases.fit(entry.text for entry in captions)
    counts = Counter(phrase for entry in captions for phrase in cutter(entry.text))
    phrases = [
        CorpusText(phrase, None, count, 'phrase')
        for phrase, count in counts.items()
        if count >= min_count
        for _ in range(round(count**power))
    ]
    if not phrases:
        raise ValueError(f'corpus.phrases: no phrase occurs {min_count} times; lower min_count.')
    return phrases if mode == 'only' else [*captions, *phrases]


def _read(sources: dict[str, Any] | Sequence[dict[str, Any]]) -> list[Entry]:
    listed = [sources] if isinstance(sources, dict) else sources
    return [entry for source in listed for entry in read_texts(**source)]
