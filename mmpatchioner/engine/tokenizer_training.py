"""A tokenizer made by the run that needs it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from mmengine.config import Config
from mmengine.dist import barrier, is_main_process
from mmengine.logging import print_log

from mmpatchioner.datasets import TextCorpus
from mmpatchioner.models.decoders.tokenizers import train_bpe


def train_tokenizer(cfg: Config) -> Config:
    """Train the BPE tokenizer that a config asks for, and name its file in the decoder.

    A small decoder wants a small vocabulary. ``train_tokenizer = dict(corpus=..., vocab_size=...)`` beside ``model``
    makes one before the model is built, kept in the work directory under a hash of these settings and so made once. In
    a distributed run the first process makes it and the others wait.

    Args:
        cfg: Training config with ``work_dir``; returned as it is if it asks for no tokenizer.

    Returns:
        A copy with ``model.decoder.tokenizer.file`` set.

    Raises:
        ValueError: if the settings are not those above.
    """
    settings = cfg.get('train_tokenizer')
    if settings is None:
        return cfg
    if set(settings) != {'corpus', 'vocab_size'}:
        raise ValueError(
            f'train_tokenizer: expected the keys corpus and vocab_size, got {sorted(settings)}.'
        )
    plain = json.dumps(settings.to_dict(), sort_keys=True)
    digest = hashlib.sha256(plain.encode()).hexdigest()[:12]
    path = Path(cfg.work_dir) / f'tokenizer-{digest}.json'
    if is_main_process() and not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        corpus = TextCorpus(**settings.corpus)
        train_bpe(corpus.texts, vocab_size=settings.vocab_size, path=path)
        print_log(f'Tokenizer of up to {settings.vocab_size:,} tokens: {path}', logger='current')
    barrier()
    prepared = cfg.copy()
    prepared.merge_from_dict({'model.decoder.tokenizer.file': str(path)})
    return prepared
