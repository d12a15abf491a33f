"""Caption metrics: the published COCO example to all digits, and what is left when something is missing."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from mmpatchioner.evaluation.functional.caption_scores import caption_scores
from mmpatchioner.evaluation.functional.meteor_scorer import MeteorScorer
from mmpatchioner.evaluation.functional.recorded_meteor import RecordedMeteor

pytest.importorskip('pycocoevalcap.bleu')

CANDIDATES = ['a dog runs on the grass', 'two boats', '']
REFERENCES = [
    ['the dog runs on grass', 'a brown dog runs over a green lawn'],
    ['two boats', 'boats on a lake'],
    ['a red car'],
]
PUBLISHED = ('Bleu_1', 'Bleu_2', 'Bleu_3', 'Bleu_4', 'ROUGE_L', 'CIDEr')


class WordCount(MeteorScorer):
    """METEOR as if only the words in common counted."""

    def statistics(self, pairs):
        rows = []
        for candidate, references in pairs:
            ours, theirs = candidate.split(), references[0].split()
            both = len(set(ours) & set(theirs))
            chunks = int(both > 0)
            row = [len(ours), len(theirs), 0, 0, both, both, *[0] * 14, chunks, both, both]
            rows.append(row)
        return np.array(rows, dtype=float)


@pytest.fixture
def without_java(tmp_path, monkeypatch):
    monkeypatch.setenv('PATH', str(tmp_path))
    monkeypatch.delenv('JAVA_HOME', raising=False)


@pytest.fixture(scope='module')
def coco_example(shared_data):
    folder = shared_data / 'eval'
    names = ('results', 'refs', 'expected', 'tokenized')
    files = {name: json.loads((folder / f'coco_fakecap_{name}.json').read_text()) for name in names}
    references: dict[int, list[str]] = {}
    for annotation in files['refs']['annotations']:
        references.setdefault(annotation['image_id'], []).append(annotation['caption'])
    ids = [result['image_id'] for result in files['results']]
    files['candidates'] = [result['caption'] for result in files['results']]
    files['references'] = [references[image_id] for image_id in ids]
    files['hyps'] = [files['tokenized']['hyps'][str(image_id)] for image_id in ids]
    files['tokenized_refs'] = [files['tokenized']['refs'][str(image_id)] for image_id in ids]
    files['full'] = files['expected']['computed_with_pycocoevalcap_1.2_java17']
    return files


@pytest.mark.parametrize('tokenized', [True, False])
def test_published_example_without_java(coco_example, without_java, tokenized):
    metrics = ('bleu', 'rouge', 'cider')
    if tokenized:
        texts, options = (
            (coco_example['hyps'], coco_example['tokenized_refs']),
            {'tokenizer': 'none'},
        )
    else:
        texts, options = (coco_example['candidates'], coco_example['references']), {}
    result = caption_scores(*texts, metrics=metrics, **options)
    assert result.tokenizer == ('none' if tokenized else 'python')
    assert result.skipped == {}
    assert tuple(result.scores) == PUBLISHED
    for name in PUBLISHED:
        assert result.scores[name] == pytest.approx(coco_example['full'][name], abs=1e-12)
        assert round(result.scores[name], 3) == coco_example['expected']['published'][name]
    first = coco_example['expected']['per_image_first50']
    for name in PUBLISHED:
        by_id = dict(
            zip(
                [row['image_id'] for row in coco_example['results']],
                result.per_sample[name],
                strict=True,
            )
        )
        values = [by_id[image_id] for image_id in first['image_ids']]
        np.testing.assert_allclose(values, first[name], rtol=0, atol=1e-12)


def test_published_example_with_java(coco_example, real_meteor):
    result = caption_scores(
        coco_example['candidates'], coco_example['references'], meteor=real_meteor, raw_meteor=True
    )
    assert result.tokenizer == 'stanford'
    for name in (*PUBLISHED, 'METEOR'):
        assert result.scores[name] == pytest.approx(coco_example['full'][name], abs=1e-12)
        assert round(result.scores[name], 3) == coco_example['expected']['published'][name]
    first = coco_example['expected']['per_image_first50']
    by_id = dict(
        zip(
            [row['image_id'] for row in coco_example['results']],
            result.per_sample['METEOR'],
            strict=True,
        )
    )
    values = [by_id[image_id] for image_id in first['image_ids']]
    np.testing.assert_allclose(values, first['METEOR'], rtol=0, atol=1e-12)
    assert result.scores['METEOR_raw'] != result.scores['METEOR']


def test_all_metrics_of_a_few_captions(capsys):
    result = caption_scores(
        CANDIDATES, REFERENCES, meteor=WordCount(), raw_meteor=True, tokenizer='python'
    )
    assert list(result.scores) == [*PUBLISHED, 'METEOR', 'METEOR_raw']
    assert set(result.per_sample) == set(result.scores)
    assert all(
        values.shape == (3,) and np.isfinite(values).all() for values in result.per_sample.values()
    )
    assert all(type(score) is float for score in result.scores.values())
    assert result.per_sample['ROUGE_L'][1] == 1.0
    assert all(values[2] == pytest.approx(0.0, abs=1e-6) for values in result.per_sample.values())
    assert capsys.readouterr().out == ''


def test_raw_texts_go_to_raw_meteor_only(tmp_path):
    candidates, references = ['A dog, running.'], [['A dog; running.']]
    recorded = RecordedMeteor.record(
        tmp_path / 'meteor.json', WordCount(),
        [('a dog running', ['a dog running']), (candidates[0], references[0])],
    )  # fmt: skip
    result = caption_scores(
        candidates, references, metrics=['meteor'], meteor=recorded, raw_meteor=True
    )
    assert result.scores['METEOR'] == 1.0
    assert 0 < result.scores['METEOR_raw'] < 1
    raw = caption_scores(candidates, references, metrics=[], meteor=recorded, raw_meteor=True)
    assert raw.scores == {'METEOR_raw': result.scores['METEOR_raw']}
    assert raw.tokenizer == 'none'


def test_a_scorer_needs_two_methods_only():
    class Least:
        def score(self, pairs):
            return [0.25 for _ in pairs]

        def corpus_score(self, pairs):
            return 0.5

    result = caption_scores(
        CANDIDATES, REFERENCES, metrics=['meteor'], meteor=Least(), tokenizer='python'
    )
    assert result.scores == {'METEOR': 0.5}
    assert result.per_sample['METEOR'].tolist() == [0.25] * 3


def test_without_java_the_other_metrics_are_computed(without_java):
    result = caption_scores(
        CANDIDATES,
        REFERENCES,
        metrics=['bleu', 'rouge', 'cider', 'meteor', 'spice'],
        raw_meteor=True,
    )
    assert tuple(result.scores) == PUBLISHED
    assert list(result.skipped) == ['SPICE', 'METEOR', 'METEOR_raw']
    for reason in result.skipped.values():
        assert 'apt install' in reason and '\n' not in reason
    assert result.tokenizer == 'python'


def test_a_java_that_dies_leaves_the_other_metrics(fake_java, monkeypatch):
    monkeypatch.setenv('MMPATCHIONER_METEOR_JAR', str(fake_java.jar))
    fake_java.behave('die:1')
    result = caption_scores(CANDIDATES, REFERENCES)
    assert tuple(result.scores) == PUBLISHED
    assert list(result.skipped) == ['METEOR']
    assert 'OutOfMemoryError' in result.skipped['METEOR']


def test_its_own_meteor_is_begun_early_and_ended(fake_java, monkeypatch):
    monkeypatch.setenv('MMPATCHIONER_METEOR_JAR', str(fake_java.jar))
    result = caption_scores(CANDIDATES, REFERENCES, metrics=['meteor'], raw_meteor=True)
    assert list(result.scores) == ['METEOR', 'METEOR_raw']
    assert len(fake_java.pids()) == 1
    assert len(fake_java.requests()) == 3  # both kinds of text are the same here


def test_without_the_package_each_metric_says_so(monkeypatch):
    for name in [name for name in sys.modules if name.startswith('pycocoevalcap')]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, 'pycocoevalcap', None)
    result = caption_scores(CANDIDATES, REFERENCES, metrics=['bleu', 'cider'], tokenizer='python')
    assert result.scores == {}
    assert list(result.skipped) == ['Bleu', 'CIDEr']
    assert 'pip install' in result.skipped['CIDEr']


def test_references_without_words_score_nothing():
    result = caption_scores(
        ['a dog', ''], [[''], ['.']], metrics=['bleu', 'rouge', 'cider'], tokenizer='python'
    )
    assert result.scores['CIDEr'] == 0.0
    assert result.scores['Bleu_4'] == pytest.approx(0.0, abs=1e-9)
    assert all(np.isfinite(score) for score in result.scores.values())


def test_cider_of_one_sample_is_zero():
    result = caption_scores(['a dog'], [['a dog']], metrics=['cider'], tokenizer='none')
    assert result.scores == {'CIDEr': 0.0}


@pytest.mark.parametrize(
    ('candidates', 'references', 'metrics', 'error', 'message'),
    [
        (['a'], [['b'], ['c']], ['bleu'], ValueError, 'as many as candidates, at least one, got 2 for 1'),
        ([], [], ['bleu'], ValueError, 'at least one, got 0 for 0'),
        (['a'], [[]], ['bleu'], ValueError, r'references\[0\]: expected at least one'),
        (['a'], ['b'], ['bleu'], TypeError, r"references\[0\]: expected a list of texts, got 'b'"),
        (['a'], [['b', None]], ['bleu'], TypeError, r'references\[0\]: expected a list of texts'),
        (['a', 3], [['b'], ['c']], ['bleu'], TypeError, r'candidates\[1\]: expected a text, got 3'),
        (['a'], [['b']], ['clip'], ValueError, "expected some of bleu, .* got 'clip'"),
    ],
)  # fmt: skip
def test_wrong_input_is_refused(candidates, references, metrics, error, message):
    with pytest.raises(error, match=message):
        caption_scores(candidates, references, metrics=metrics)
