"""The names that a caption mentions, which stand for those of an image while a decoder learns from text alone."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

import torch

from mmpatchioner.checkpoints.entities import read_names
from mmpatchioner.models.decoders.prompt_text import compose_prompt
from mmpatchioner.registry import MODELS

_PEOPLE = (
    'man', 'men', 'woman', 'women', 'boy', 'boys', 'girl', 'girls', 'guy', 'guys', 'lady',
    'ladies', 'child', 'children', 'kid', 'kids', 'baby', 'babies', 'people', 'persons', 'player',
    'players', 'gentleman', 'gentlemen', 'toddler', 'toddlers', 'adult', 'adults',
)  # fmt: skip
_PERSON = 'person'


@MODELS.register_module()
class CaptionEntities:
    """Writes hard prompts from captions (ViECap, arXiv 2307.16525, section 3.3).

    A name counts where it stands in the caption as a word, also in the plural; words for people count as ``person``.
    The released code takes nouns that a tagger finds, if they are of Visual Genome's objects; here the vocabulary
    itself is looked for, which needs no tagger. Each name is left out with probability ``drop``, so that the decoder
    learns to write of more than it is told.

    Args:
        names: The names, or a text file with one in each line.
        drop: Probability that a name is left out; 0.4 is published.
        max_names: Most names of a prompt; 10 is published.

    Raises:
        ValueError: if there is no name or ``drop`` is no probability.
        FileNotFoundError: if the file is missing.

    Example:
        >>> CaptionEntities(['dog', 'person'], drop=0.0)(['Two men and their dogs.', 'The sky.'])
        ['There are person, dog in image.', 'There are something in image.']
    """

    def __init__(
        self, names: Sequence[str] | str | os.PathLike[str], drop: float = 0.4, max_names: int = 10
    ) -> None:
        if isinstance(names, (str, os.PathLike)):
            names = read_names(names)
        own = {name.lower(): name.lower() for name in names if name}
        if not own:
            raise ValueError('caption_entities.names: expected at least one name, got none.')
        if not 0 <= drop <= 1:
            raise ValueError(f'caption_entities.drop: expected a probability, got {drop}.')
        plurals = {plural: name for name in own for plural in (f'{name}s', f'{name}es')}
        people = dict.fromkeys(_PEOPLE, _PERSON) if _PERSON in own else {}
        self._meant = {**people, **plurals, **own}
        # The longest first: a hot dog is no dog.
        words = sorted(self._meant, key=lambda word: (-len(word), word))
        self._pattern = re.compile(rf'\b(?:{"|".join(map(re.escape, words))})\b')
        self.drop = drop
        self.max_names = max_names

    def entities(self, caption: str) -> list[str]:
        """All names that a caption mentions, each once, in their order."""
        found = (self._meant[word] for word in self._pattern.findall(caption.lower()))
        return list(dict.fromkeys(found))[: self.max_names]

    def __call__(self, captions: Sequence[str]) -> list[str]:
        """Write a prompt for each caption, drawing from torch's random numbers what is left out."""
        names = [self.entities(caption) for caption in captions]
        kept = iter((torch.rand(sum(map(len, names))) >= self.drop).tolist())
        return [compose_prompt([name for name in row if next(kept)]) for row in names]
