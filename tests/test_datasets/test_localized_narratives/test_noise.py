from __future__ import annotations

import pytest

from mmpatchioner.datasets.localized_narratives.noise import NOISE_PATTERNS, noise_of

# Of each pattern, what must go; and sentences like them that must stay.
GOES = {
    'quality': [
        'The image is blurred.',
        'The image is clear and bright.',
        'In the background the image is blurry.',
        'And the picture is not clear.',
        'The photo seems to be a little bit blurred in the background.',
        'The quality of the image is very low.',
        'I think the image looks dark.',
    ],
    'colour': [
        'The picture is in black and white.',
        'This photograph is black and white in color.',
        'The image is a monochrome.',
        'The colour of the image is grayscale.',
    ],
    'edited': [
        'This image is edited and blurred.',
        'It seems that this picture has been photoshopped.',
        'The image looks like it is edited.',
        'The picture is rotated.',
    ],
    'taken': [
        'This picture is taken outside a city.',
        'The image might be clicked in the night.',
        'This is a photo taken in a kitchen.',
        'This image was captured from an airplane.',
    ],
    'kind': [
        'This is a black and white image.',
        'It looks like an edited image.',
        'I guess this is an animated picture.',
        'This image is a collage.',
        'This is an outdoor picture.',
    ],
    'collage': ['This is a collage of images.', 'I can see a collage of two different photos.'],
    'background': [
        'The background is blurred.',
        'The background of the image is a bit blurry.',
        'In the background it is blur.',
        'We can see a blurred background.',
    ],
    'mark': [
        'On the image there is a watermark.',
        'In the bottom right corner we can see a watermark of the photographer.',
        'At the bottom of the image there is some text.',
        'There is a logo at the top left corner of the picture.',
        'The image has a white border.',
        'Some text is written at the bottom of the image.',
    ],
    'lettering': [
        'Something is written on the image.',
        'At the bottom it is written on the picture.',
    ],
}
STAYS = {
    'quality': [
        'The dog is blurred.',
        'The image is dark and we can see a man holding a torch.',
        'The picture on the wall is blurred.',
        'There is a dark room.',
    ],
    'colour': [
        'The cat is black and white.',
        'It is black and white.',
        'The picture on the wall is black and white.',
        'This is a black and white image of a man.',
    ],
    'edited': ['In this edited image I can see a dog.', 'The paper is cropped and rotated.'],
    'taken': [
        'A man is taking a photo of the cows.',
        'The dog has taken a ball.',
        'This image is taken in a park where people are walking.',
        'This is a picture taken from a boat, we can see water.',
    ],
    'kind': [
        'This is a picture of a dog running.',
        'There is a photo frame on the wall.',
        'A picture is hanging on the wall.',
        'This is a woman holding a picture.',
        'The poster is on the wall.',
    ],
    'collage': ['There is a group of people.', 'There is a set of cups.'],
    'background': [
        'In the background there are trees.',
        'The background is a white wall.',
        'The blurred man in the background is running.',
    ],
    'mark': [
        'There is a logo on the shirt.',
        'There is some text on the board.',
        'On the right side of the image there is text on the banner.',
        'There is a watermark on the glass of the window.',
        'There is a man with a letter in his hand.',
    ],
    'lettering': ['Something is written on the board.', 'On the wall some text is written.'],
}


def cases(examples):
    return [(name, sentence) for name, sentences in examples.items() for sentence in sentences]


def test_every_pattern_has_examples():
    assert set(GOES) == set(STAYS) == set(NOISE_PATTERNS)


@pytest.mark.parametrize(('name', 'sentence'), cases(GOES))
def test_sentences_about_the_image_go(name, sentence):
    assert noise_of(sentence) == name
    assert noise_of(f'  {sentence.upper()} ') == name


@pytest.mark.parametrize(('name', 'sentence'), cases(STAYS))
def test_sentences_about_what_is_seen_stay(name, sentence):
    assert noise_of(sentence) is None


@pytest.mark.parametrize(
    'sentence',
    [
        'The image is blurred ' + 'and in the background of the image ' * 100 + 'dog',
        'This is a ' + 'black and white ' * 100 + 'dog',
        'Text ' + 'in the top left corner of the image ' * 100 + 'dog',
    ],
)
def test_repetitions_come_to_an_end(sentence):
    """Each part can be read in two ways; trying all of them would never end."""
    assert noise_of(sentence) is None
