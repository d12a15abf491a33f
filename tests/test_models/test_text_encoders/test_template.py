"""Names by several sentences."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from mmpatchioner.models.text_encoders import TemplateTextEncoder
from tests.test_engine import tiny_models  # noqa: F401  (registers WordVectorEncoder)

WORDS = dict(type='mmpatchioner.WordVectorEncoder')


def test_a_name_is_the_mean_direction_of_its_sentences():
    encoder = TemplateTextEncoder(WORDS, templates=['a {}', 'a photo of the {} here'])
    first = F.normalize(encoder.encoder.encode(['a dog', 'a cat']), dim=1)
    second = F.normalize(
        encoder.encoder.encode(['a photo of the dog here', 'a photo of the cat here']), dim=1
    )
    expected = F.normalize(first + second, dim=1)
    torch.testing.assert_close(encoder.encode(['dog', 'cat']), expected)
    assert encoder.space == encoder.encoder.space


def test_templates_are_part_of_the_fingerprint():
    one = TemplateTextEncoder(WORDS, templates=['a {}'])
    two = TemplateTextEncoder(WORDS, templates=['the {}'])
    assert one.fingerprint() != two.fingerprint()


@pytest.mark.parametrize('templates', [[], ['a photo']])
def test_templates_without_a_place_for_the_name_are_refused(templates):
    with pytest.raises(ValueError, match=r'expected sentences with \{\}'):
        TemplateTextEncoder(WORDS, templates=templates)
