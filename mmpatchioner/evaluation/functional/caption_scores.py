"""BLEU, ROUGE-L, CIDEr-D, METEOR and SPICE of captions, as pycocoevalcap computes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import Any, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from mmpatchioner.evaluation.functional.java import ExternalToolError, MissingPackageError
from mmpatchioner.evaluation.functional.meteor import Meteor
from mmpatchioner.evaluation.functional.meteor_scorer import MeteorScorer, Pair
from mmpatchioner.evaluation.functional.spice import spice_scores
from mmpatchioner.evaluation.functional.tokenization import Tokenizer, tokenize

CaptionMetric = Literal['bleu', 'rouge', 'cider', 'meteor', 'spice']
CAPTION_METRICS: tuple[str, ...] = get_args(CaptionMetric)


class MeteorLike(Protocol):
    """What METEOR is asked of; :class:`.Meteor` and :class:`.RecordedMeteor` do it."""

    def score(self, pairs: Sequence[Pair]) -> Sequence[float]:
        """METEOR of every pair."""
        ...

    def corpus_score(self, pairs: Sequence[Pair]) -> float:
        """METEOR of all pairs together."""
        ...


@dataclass(frozen=True)
class CaptionScores:
    """Scores of a set of captions, as fractions (CIDEr 0.365, not 36.5).

    Attributes:
        scores: By name: Bleu_1 to Bleu_4, ROUGE_L, CIDEr, METEOR, METEOR_raw, SPICE, those that were computed.
        per_sample: Scores of each candidate, (S,), under the same names. BLEU and METEOR of the corpus are not their
            mean.
        skipped: Why a metric is missing, one line each, under Bleu, ROUGE_L, CIDEr, METEOR, METEOR_raw, SPICE.
        tokenizer: Which one made the tokens, see :func:`.tokenize`.
    """

    scores: dict[str, float] = field(default_factory=dict)
    per_sample: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    tokenizer: Tokenizer = 'none'


def caption_scores(
    candidates: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    metrics: Sequence[str] = ('bleu', 'rouge', 'cider', 'meteor'),
    meteor: MeteorLike | None = None,
    raw_meteor: bool = False,
    tokenizer: Tokenizer | None = None,
) -> CaptionScores:
    """Score captions against references.

    The inverse document frequencies of CIDEr are those of these references, the references of one sample being one
    document, so scores of different selections can not be compared. What can not be computed, for want of Java or of a
    package, is left out with the reason, and the rest is computed.

    Args:
        candidates: One caption per sample; may be empty.
        references: One or more captions of each sample.
        metrics: Which of ``'bleu', 'rouge', 'cider', 'meteor', 'spice'``.
        meteor: Scores METEOR; by default a :class:`.Meteor` of its own, which ends before this returns.
        raw_meteor: Whether METEOR is also computed on the texts as they are, as METEOR_raw.
        tokenizer: See :func:`.tokenize`; ``'none'`` if the texts are tokenized already.

    Raises:
        TypeError: if a caption is not a text.
        ValueError: if there is no sample, a sample without reference, another number of references than of candidates,
            or an unknown metric.

    Example:
        >>> result = caption_scores(
        ...     ['a dog runs', 'two boats'],
        ...     [['the dog runs', 'a dog runs fast'], ['two boats']],
        ...     metrics=['rouge'],
        ...     tokenizer='none',
        ... )  # doctest: +SKIP
        >>> result.scores  # doctest: +SKIP
        {'ROUGE_L': 0.9392...}
    """
    _check(candidates, references, metrics)
    raw = list(zip(candidates, references, strict=True))
    pairs, used = _tokenized(raw, tokenizer) if metrics else (raw, 'none')
    result = CaptionScores(tokenizer=used)
    with ExitStack() as stack:
        if meteor is None and ('meteor' in metrics or raw_meteor):
            meteor = stack.enter_context(Meteor())
        to_meteor = {'METEOR': pairs} if 'meteor' in metrics else {}
        if raw_meteor:
            to_meteor['METEOR_raw'] = raw
        for sent in to_meteor.values():
            _begin(meteor, sent)  # Java works while Python computes the others
        for metric, (title, compute) in _COMPUTED_HERE.items():
            if metric in metrics:
                _add(result, title, partial(compute, pairs))
        for title, sent in to_meteor.items():
            _add(result, title, partial(_meteor, meteor, title, sent))
    return result


def _add(result: CaptionScores, title: str, compute: Callable[[], _Computed]) -> None:
    try:
        scores, per_sample = compute()
    except ExternalToolError as error:
        result.skipped[title] = str(error)
    else:
        result.scores.update(scores)
        result.per_sample.update(per_sample)


def _begin(meteor: MeteorLike | None, pairs: Sequence[Pair]) -> None:
    if isinstance(meteor, MeteorScorer):
        with suppress(ExternalToolError):  # which is raised again when the scores are asked for
            meteor.submit(pairs)


def _meteor(meteor: MeteorLike | None, title: str, pairs: Sequence[Pair]) -> _Computed:
    assert meteor is not None
    per_sample = np.asarray(meteor.score(pairs), dtype=np.float64)
    return {title: float(meteor.corpus_score(pairs))}, {title: per_sample}


def _bleu(pairs: Sequence[Pair]) -> _Computed:
    scorer = _scorer_class('bleu.bleu', 'Bleu')(4)
    corpus, per_sample = scorer.compute_score(*_by_number(pairs), verbose=0)
    titles = [f'Bleu_{n}' for n in (1, 2, 3, 4)]
    return (
        {title: float(score) for title, score in zip(titles, corpus, strict=True)},
        {title: np.asarray(scores) for title, scores in zip(titles, per_sample, strict=True)},
    )


def _rouge(pairs: Sequence[Pair]) -> _Computed:
    scorer = _scorer_class('rouge.rouge', 'Rouge')()
    mean, per_sample = scorer.compute_score(*_by_number(pairs))
    return {'ROUGE_L': float(mean)}, {'ROUGE_L': per_sample}


def _cider(pairs: Sequence[Pair]) -> _Computed:
    scorer = _scorer_class('cider.cider', 'Cider')()
    if any(reference.split() for _, references in pairs for reference in references):
        mean, per_sample = scorer.compute_score(*_by_number(pairs))
    else:  # no word in any reference, which the library does not expect
        mean, per_sample = 0.0, np.zeros(len(pairs))
    return {'CIDEr': float(mean)}, {'CIDEr': per_sample}


def _spice(pairs: Sequence[Pair]) -> _Computed:
    per_sample = spice_scores(*zip(*pairs, strict=True))
    return {'SPICE': float(per_sample.mean())}, {'SPICE': per_sample}


_Computed = tuple[dict[str, float], dict[str, NDArray[np.float64]]]
_COMPUTED_HERE: dict[str, tuple[str, Callable[[Sequence[Pair]], _Computed]]] = {
    'bleu': ('Bleu', _bleu),
    'rouge': ('ROUGE_L', _rouge),
    'cider': ('CIDEr', _cider),
    'spice': ('SPICE', _spice),
}


def _scorer_class(module: str, name: str) -> Any:
    try:
        return getattr(import_module(f'pycocoevalcap.{module}'), name)
    except ImportError as error:
        raise MissingPackageError(f'{module}.{name}') from error


def _by_number(pairs: Sequence[Pair]) -> tuple[dict[int, list[str]], dict[int, list[str]]]:
    """References and candidates as pycocoevalcap wants them."""
    return (
        {number: list(references) for number, (_, references) in enumerate(pairs)},
        {number: [candidate] for number, (candidate, _) in enumerate(pairs)},
    )


def _tokenized(pairs: Sequence[Pair], tokenizer: Tokenizer | None) -> tuple[list[Pair], Tokenizer]:
    """The pairs with all texts tokenized: all references, then all candidates, as in pycocoevalcap.

    The order matters a little: after a single letter with a full stop, Stanford's tokenizer looks into the next text.
    """
    tokens, used = tokenize([text for _, references in pairs for text in references], tokenizer)
    candidates, _ = tokenize([candidate for candidate, _ in pairs], used)
    rest = iter(tokens)
    references = [[next(rest) for _ in several] for _, several in pairs]
    return list(zip(candidates, references, strict=True)), used


def _check(
    candidates: Sequence[str], references: Sequence[Sequence[str]], metrics: Sequence[str]
) -> None:
    unknown = [name for name in metrics if name not in CAPTION_METRICS]
    if unknown:
        raise ValueError(
            f'metrics: expected some of {", ".join(CAPTION_METRICS)}, got {unknown[0]!r}.'
        )
    if not candidates or len(candidates) != len(references):
        raise ValueError(
            f'references: expected as many as candidates, at least one, got {len(references)} for {len(candidates)}.'
        )
    for number, (candidate, several) in enumerate(zip(candidates, references, strict=True)):
        if not isinstance(candidate, str):
            raise TypeError(f'candidates[{number}]: expected a text, got {candidate!r}.')
        if isinstance(several, str) or not all(isinstance(text, str) for text in several):
            raise TypeError(f'references[{number}]: expected a list of texts, got {several!r}.')
        if not several:
            raise ValueError(f'references[{number}]: expected at least one, got none.')
