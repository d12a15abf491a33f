"""Localized Narratives (arXiv 1912.03098): spoken descriptions with mouse traces, as samples of trace captioning."""

from mmpatchioner.datasets.localized_narratives.conversion import (
    ConversionCounts,
    Selection,
    trace_samples,
)
from mmpatchioner.datasets.localized_narratives.endpoint import EndpointModel
from mmpatchioner.datasets.localized_narratives.image_lists import image_key, read_image_list
from mmpatchioner.datasets.localized_narratives.local_model import LocalModel
from mmpatchioner.datasets.localized_narratives.noise import noise_of
from mmpatchioner.datasets.localized_narratives.prompting import LanguageModelRewriter, read_prompt
from mmpatchioner.datasets.localized_narratives.reading import (
    Narrative,
    TracePoint,
    Utterance,
    read_narratives,
)
from mmpatchioner.datasets.localized_narratives.rewrite_cache import RewriteCache
from mmpatchioner.datasets.localized_narratives.rewriting import (
    KeepSentences,
    RewriteError,
    Rewriter,
)
from mmpatchioner.datasets.localized_narratives.rules import RuleRewriter
from mmpatchioner.datasets.localized_narratives.writing import (
    TraceSample,
    WrittenTraces,
    write_traces,
)

__all__ = [
    'ConversionCounts',
    'EndpointModel',
    'KeepSentences',
    'LanguageModelRewriter',
    'LocalModel',
    'Narrative',
    'RewriteCache',
    'RewriteError',
    'Rewriter',
    'RuleRewriter',
    'Selection',
    'TracePoint',
    'TraceSample',
    'Utterance',
    'WrittenTraces',
    'image_key',
    'noise_of',
    'read_image_list',
    'read_narratives',
    'read_prompt',
    'trace_samples',
    'write_traces',
]
