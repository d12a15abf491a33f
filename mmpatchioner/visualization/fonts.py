"""Text in any script: DejaVu Sans, and for characters it lacks a font of the system that has them."""

from __future__ import annotations

from functools import lru_cache
from itertools import groupby
from pathlib import Path

import matplotlib
from matplotlib import font_manager
from matplotlib.ft2font import FT2Font
from PIL import ImageDraw, ImageFont

from mmpatchioner.visualization.palette import Color


class Font:
    """A font of one size that falls back, character by character, to fonts that have the character.

    Args:
        size: Height of an em in pixels.
        path: A TrueType or OpenType file to use first. ``None``: DejaVu Sans, which comes with matplotlib.

    Raises:
        ValueError: if ``path`` is not a font file.

    Example:
        >>> font = Font(16)
        >>> font.width('a longer line') > font.width('a line')
        True
    """

    def __init__(self, size: int, path: str | Path | None = None) -> None:
        default = str(Path(matplotlib.get_data_path()) / 'fonts' / 'ttf' / 'DejaVuSans.ttf')
        self.size = size
        self._paths = [str(path), default] if path is not None else [default]
        try:
            self._primary = _sized(self._paths[0], size)
        except OSError as error:
            raise ValueError(
                f'font path: expected a TrueType or OpenType file, got {path} ({error}).'
            ) from error
        ascent, descent = self._primary.getmetrics()
        self.ascent = ascent
        self.line_height = round((ascent + descent) * 1.08)

    def width(self, text: str) -> int:
        """Advance of a line of text in pixels."""
        return round(sum(_sized(path, self.size).getlength(run) for path, run in self._runs(text)))

    def draw(
        self, canvas: ImageDraw.ImageDraw, xy: tuple[float, float], text: str, fill: Color
    ) -> None:
        """Draw a line of text with its top-left corner at ``xy``."""
        left, top = xy
        for path, run in self._runs(text):
            font = _sized(path, self.size)
            canvas.text((left, top + self.ascent), run, font=font, fill=fill, anchor='ls')
            left += font.getlength(run)

    def _runs(self, text: str) -> list[tuple[str, str]]:
        """Split a text into runs of characters of the same font file."""
        paths = [self._path_for(character) for character in text]
        pairs = zip(paths, text, strict=True)
        return [
            (path, ''.join(c for _, c in run))
            for path, run in groupby(pairs, key=lambda pair: pair[0])
        ]

    def _path_for(self, character: str) -> str:
        code = ord(character)
        for path in self._paths:
            if code in _characters(path):
                return path
        return _system_font_with(code) or self._paths[0]


@lru_cache(maxsize=64)
def _sized(path: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size)


@lru_cache(maxsize=256)
def _characters(path: str) -> frozenset[int]:
    """Code points a font file has; none if it can not be read."""
    try:
        return frozenset(FT2Font(path).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()


@lru_cache(maxsize=4096)
def _system_font_with(code: int) -> str | None:
    """The first font file of the system with a character, fonts made for many scripts first."""
    broad = ('noto', 'cjk', 'unicode', 'unifont', 'wqy', 'droid')

    def rank(path: str) -> tuple[bool, str]:
        return not any(word in Path(path).name.lower() for word in broad), path

    for path in sorted(font_manager.findSystemFonts(), key=rank):
        if code in _characters(path):
            return path
    return None
