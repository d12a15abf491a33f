"""Text in any script."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from mmpatchioner.visualization import fonts
from mmpatchioner.visualization.fonts import Font


def drawn(font: Font, text: str) -> np.ndarray:
    picture = Image.new('RGB', (200, 40))
    font.draw(ImageDraw.Draw(picture), (5, 5), text, (255, 255, 255))
    return np.asarray(picture)[..., 0]


@pytest.mark.parametrize('text', ['a cat', 'кошка на крыше', 'γάτα', 'قطة', 'größer 5 °C'])
def test_scripts_of_the_default_font(text: str) -> None:
    font = Font(16)
    rows, columns = np.nonzero(drawn(font, text))
    assert columns.min() >= 4
    assert columns.max() <= 5 + font.width(text) + 1
    assert rows.max() <= 5 + font.line_height


def test_missing_character_is_taken_from_another_font(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(fonts.matplotlib.get_data_path()) / 'fonts' / 'ttf'
    letters_only = str(folder / 'cmr10.ttf')  # no Cyrillic in it
    other = str(folder / 'DejaVuSerif.ttf')
    monkeypatch.setattr(fonts, '_system_font_with', lambda code: other)
    font = Font(16, letters_only)
    font._paths = [letters_only]
    assert font._runs('aжb') == [(letters_only, 'a'), (other, 'ж'), (letters_only, 'b')]


def test_character_that_no_font_has_is_still_drawn() -> None:
    assert drawn(Font(16), 'a \U0010fffd b').any()


def test_user_font_comes_first() -> None:
    path = Path(fonts.matplotlib.get_data_path()) / 'fonts' / 'ttf' / 'DejaVuSerif.ttf'
    assert (drawn(Font(16, path), 'cat') != drawn(Font(16), 'cat')).any()


def test_file_that_is_no_font(tmp_path: Path) -> None:
    (tmp_path / 'font.ttf').write_text('no')
    with pytest.raises(
        ValueError, match=r'font path: expected a TrueType or OpenType file, got .*font\.ttf'
    ):
        Font(16, tmp_path / 'font.ttf')
