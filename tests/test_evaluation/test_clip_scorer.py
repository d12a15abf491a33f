import numpy as np
import pytest
import torch
from PIL import Image
from transformers import CLIPImageProcessor, CLIPTokenizer

from mmpatchioner.checkpoints import CheckpointError
from mmpatchioner.evaluation.clip_model import ClipFeatures
from mmpatchioner.evaluation.clip_scorer import ClipScorer
from tests.test_evaluation.tiny_clip import openai_names, save_tiny_clip

CANDIDATES = ['a dog', 'two men ride', 'a red car', 'a dog', '']
REFERENCES = [['a dog runs', 'dog'], ['men'], ['a blue car', 'the car', 'red'], ['a dog'], ['sky']]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp('clip') / 'tiny'


@pytest.fixture(scope='module')
def clip(folder):
    return save_tiny_clip(folder)


@pytest.fixture(scope='module')
def pac(tmp_path_factory):
    return save_tiny_clip(tmp_path_factory.mktemp('pac'), seed=1)


@pytest.fixture(scope='module')
def pac_weights(pac, tmp_path_factory):
    path = tmp_path_factory.mktemp('weights') / 'clip_ViT-B-32.pth'
    torch.save({'state_dict': openai_names(pac)}, path)
    return str(path)


@pytest.fixture(scope='module')
def pictures():
    rng = np.random.default_rng(0)
    sizes = [(40, 60), (32, 32), (90, 50), (64, 33), (20, 25)]
    return [Image.fromarray(rng.integers(0, 255, (*s, 3), dtype=np.uint8)) for s in sizes]


def cosines(model, tokenizer, pictures) -> tuple[list[float], list[float]]:
    """Cosines with the picture and with the nearest reference, one caption at a time, by transformers' own code."""

    def unit(features):
        return features[0] / features[0].norm()

    def text(caption):
        tokens = tokenizer(
            'A photo depicts ' + caption, truncation=True, max_length=40, return_tensors='pt'
        )
        return unit(model.text_projection(model.text_model(**tokens).pooler_output))

    view = CLIPImageProcessor(size={'shortest_edge': 32}, crop_size={'height': 32, 'width': 32})
    seen, read = [], []
    with torch.no_grad():
        for picture, candidate, references in zip(pictures, CANDIDATES, REFERENCES, strict=True):
            pixels = view(picture, return_tensors='pt')['pixel_values']
            image = unit(model.visual_projection(model.vision_model(pixels).pooler_output))
            seen.append(float(image @ text(candidate)))
            read.append(max(float(text(candidate) @ text(other)) for other in references))
    return seen, read


def harmonic(a, b):
    return [2 * x * y / (x + y) if x > 0 and y > 0 else 0.0 for x, y in zip(a, b, strict=True)]


def test_scores_are_those_of_one_caption_at_a_time(clip, pac, folder, pac_weights, pictures):
    scorer = ClipScorer(str(folder), pac_weights, device='cpu', batch_size=2)
    scores = scorer.each(iter(pictures), CANDIDATES, REFERENCES)
    tokenizer = CLIPTokenizer.from_pretrained(folder)
    seen, read = cosines(clip, tokenizer, pictures)
    clip_s = [2.5 * max(value, 0) for value in seen]
    pac_seen, pac_read = cosines(pac, tokenizer, pictures)
    pac_s = [2 * max(value, 0) for value in pac_seen]
    expected = {
        'CLIP-S': clip_s,
        'RefCLIP-S': harmonic(clip_s, read),
        'PAC-S': pac_s,
        'RefPAC-S': pac_read,
        'RefPAC-S_harmonic': harmonic(pac_s, pac_read),
    }
    assert scores.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(scores[name], values, atol=2e-3, err_msg=name)
    means = scorer.scores(pictures, CANDIDATES, REFERENCES)
    assert means == pytest.approx({name: values.mean() for name, values in scores.items()})


def test_batches_change_no_score(clip, folder, pac_weights, pictures):
    one, all_ = (
        ClipScorer(str(folder), pac_weights, device='cpu', batch_size=size).each(
            pictures, CANDIDATES, REFERENCES
        )
        for size in (1, 64)
    )
    for name, values in one.items():
        np.testing.assert_allclose(values, all_[name], atol=1e-5)


def test_what_is_not_given_is_left_out(clip, folder, pac_weights, pictures):
    plain, full = ClipScorer(str(folder), device='cpu'), ClipScorer(str(folder), pac_weights, 'cpu')
    assert plain.scores(pictures, CANDIDATES).keys() == {'CLIP-S'}
    assert plain.scores(pictures, CANDIDATES, REFERENCES).keys() == {'CLIP-S', 'RefCLIP-S'}
    assert full.scores(pictures, CANDIDATES).keys() == {'CLIP-S', 'PAC-S'}
    alone = full.scores(None, CANDIDATES, REFERENCES)
    assert alone.keys() == {'RefPAC-S'}
    assert alone['RefPAC-S'] == full.scores(pictures, CANDIDATES, REFERENCES)['RefPAC-S']
    assert plain.each([], []) == {}


def test_the_prompt_and_the_longest_text(clip, folder):
    features = ClipFeatures.from_pretrained(str(folder))
    tokens = features.tokenizer('A photo depicts a dog', return_tensors='pt')
    with torch.no_grad():
        expected = clip.text_projection(clip.text_model(**tokens).pooler_output)
    np.testing.assert_allclose(features.captions(['a dog'])[0], expected[0], atol=1e-5)
    long = 'dog ' * 200
    np.testing.assert_allclose(
        features.captions([long]), features.captions([long + 'sky']), atol=1e-6
    )


def test_pictures_of_every_mode_are_seen_alike(clip, folder, pictures):
    features = ClipFeatures.from_pretrained(str(folder))
    rgba = pictures[0].convert('RGBA')
    np.testing.assert_array_equal(features.images([rgba]), features.images([pictures[0]]))


def test_equal_texts_are_encoded_once(clip, folder, pictures, monkeypatch):
    scorer, calls = ClipScorer(str(folder), device='cpu'), []
    captions = ClipFeatures.captions
    monkeypatch.setattr(
        ClipFeatures, 'captions', lambda self, texts: calls.append(texts) or captions(self, texts)
    )
    scorer.scores(pictures, ['a dog'] * 5, [['a dog', 'sky']] * 5)
    assert calls == [['a dog', 'sky']]


def test_models_are_loaded_when_they_are_needed(tmp_path):
    scorer = ClipScorer(str(tmp_path / 'no-clip'))
    with pytest.raises(CheckpointError, match=r'clip\.model'):
        scorer.scores([Image.new('RGB', (9, 9))], ['a dog'])


def test_unfit_inputs_are_refused(clip, folder, pac_weights, pictures, tmp_path):
    scorer = ClipScorer(str(folder), device='cpu', batch_size=2)
    with pytest.raises(ValueError, match='only RefPAC-S is left'):
        scorer.scores(None, CANDIDATES, REFERENCES)
    with pytest.raises(ValueError, match='at least one caption'):
        scorer.scores([], [])
    with pytest.raises(ValueError, match='those of 5 candidates, got those of 4'):
        scorer.scores(pictures, CANDIDATES, REFERENCES[:4])
    with pytest.raises(ValueError, match='got 3 and no more'):
        scorer.scores(pictures[:3], CANDIDATES)
    with pytest.raises(ValueError, match='expected 4, one for each candidate, got more'):
        scorer.scores(pictures, CANDIDATES[:4])
    with pytest.raises(ValueError, match=r'clip\.batch_size'):
        ClipScorer(batch_size=0)
    with pytest.raises(FileNotFoundError, match='aimagelab/pacscore'):
        ClipScorer(pac_weights=str(tmp_path / 'none.pth'))


def test_weights_of_another_architecture_are_refused(clip, folder, pac, tmp_path, pictures):
    weights = openai_names(pac)
    weights['visual.proj'] = weights['visual.proj'][:, :8]
    torch.save(weights, tmp_path / 'other.pth')
    scorer = ClipScorer(str(folder), str(tmp_path / 'other.pth'), device='cpu')
    with pytest.raises(CheckpointError, match=r'visual_projection\.weight'):
        scorer.scores(pictures, CANDIDATES)
