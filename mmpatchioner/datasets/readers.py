"""Readers of caption files: every format becomes a stream of (image, text)."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from mmpatchioner.datasets.json_lines import parse_json, read_json_lines

Entry = tuple[str | None, str]  # (name or id of the image if the file tells, text)

_SCHEME = 'package://'
_SUFFIXES = {'.txt': 'txt', '.tsv': 'tsv', '.json': 'json', '.jsonl': 'jsonl'}


def read_texts(
    path: str,
    file_format: str | None = None,
    member: str | None = None,
    column: int | str = 0,
    splits: Iterable[str] | None = None,
    rows: dict[str, Iterable[str]] | None = None,
) -> Iterator[Entry]:
    """Read a caption file.

    ===========  =====================================================================================
    ``txt``      one text per line
    ``tsv``      tab separated; ``column`` counts from 0, or names a column of the header line
    ``json``     COCO captions, Karpathy's splits, or a plain list of texts, told apart by their keys
    ``jsonl``    one object per line: ``image``, ``captions`` (list) or ``caption``, maybe ``split``
    ===========  =====================================================================================

    Args:
        path: The file; ``package://NAME/path`` is a file inside an installed Python package.
        file_format: One of the names above; None goes by the suffix.
        member: File to read inside of ``path``, which then is a zip or jar archive.
        column: Column of a ``tsv``.
        splits: Keep the entries of these splits only (``jsonl``, Karpathy's).
        rows: For a ``tsv``, columns and the values of them to keep, e.g. ``{'0': ['flickr30k']}``.

    Yields:
        Image (None if the format knows none) and text, stripped; empty texts are left out.

    Raises:
        FileNotFoundError: if file, package or member is missing.
        ValueError: if the content is not of the format.
    """
    name = member or path
    kind = file_format or _SUFFIXES.get(Path(name).suffix.lower())
    if kind not in _SUFFIXES.values():
        raise ValueError(
            f'{name}: expected file_format in {sorted(_SUFFIXES.values())}, got {kind!r}.'
        )
    wanted = set(splits) if splits is not None else None
    with open_text(path, member) as stream:
        if kind == 'json':
            entries = _from_json(parse_json(stream.read(), name), wanted, name)
        elif kind == 'jsonl':
            entries = _from_json_lines(stream, wanted, name)
        elif kind == 'tsv':
            entries = _from_tsv(stream, column, rows or {}, name)
        else:
            entries = ((None, line) for line in stream)
        for image, text in entries:
            if text.strip():
                yield image, text.strip()


def resolve_path(path: str) -> Path:
    """The file that ``path`` names, which may lie in an installed package (``package://NAME/path``).

    Raises:
        FileNotFoundError: if the package or the file is missing.
    """
    if path.startswith(_SCHEME):
        package, _, inner = path[len(_SCHEME) :].partition('/')
        spec = find_spec(package)
        for location in (spec.submodule_search_locations or []) if spec else []:
            if (Path(location) / inner).is_file():
                return Path(location) / inner
        raise FileNotFoundError(
            f'{path}: no such file in an installed package; try `pip install {package}`.'
        )
    found = Path(path).expanduser()
    if not found.is_file():
        raise FileNotFoundError(f'{path}: no such file.')
    return found


@contextmanager
def open_text(path: str, member: str | None = None) -> Iterator[IO[str]]:
    """Open a text file, which may lie in an installed package, or a member of such an archive.

    Args:
        path: The file, as :func:`resolve_path` takes it.
        member: File to read inside of ``path``, which then is a zip or jar archive.

    Yields:
        The open file, UTF-8.

    Raises:
        FileNotFoundError: if file, package or member is missing.
        ValueError: if ``path`` is no archive although a member is asked for.
    """
    source = resolve_path(path)
    if member is None:
        with source.open(encoding='utf-8') as stream:
            yield stream
        return
    if not zipfile.is_zipfile(source):
        raise ValueError(f'{path}: expected a zip or jar archive, because `member` is given.')
    with zipfile.ZipFile(source) as archive:
        if member not in archive.namelist():
            raise FileNotFoundError(f'{path}: the archive has no member {member!r}.')
        with archive.open(member) as raw, io.TextIOWrapper(raw, encoding='utf-8') as stream:
            yield stream


def _from_json(data: Any, splits: set[str] | None, name: str) -> Iterator[Entry]:
    if isinstance(data, list) and all(isinstance(text, str) for text in data):
        for text in data:
            yield None, text
    elif isinstance(data, dict) and 'annotations' in data:
        for annotation in data['annotations']:
            yield str(annotation['image_id']), annotation['caption']
    elif isinstance(data, dict) and 'images' in data:
        for image in data['images']:
            if splits is None or image.get('split') in splits:
                key = image.get('cocoid', image.get('filename'))
                for sentence in image['sentences']:
                    yield None if key is None else str(key), sentence['raw']
    else:
        raise ValueError(
            f"{name}: expected COCO captions ('annotations'), Karpathy's splits ('images' with 'sentences') or a list "
            'of texts.'
        )


def _from_json_lines(lines: Iterable[str], splits: set[str] | None, name: str) -> Iterator[Entry]:
    for place, entry in read_json_lines(lines, name):
        if splits is not None and entry.get('split') not in splits:
            continue
        captions = entry.get('captions', entry.get('caption'))
        if captions is None:
            raise ValueError(
                f"{place}: expected the key 'captions' or 'caption', got {sorted(entry)}."
            )
        for caption in [captions] if isinstance(captions, str) else captions:
            yield entry.get('image'), caption


def _from_tsv(
    lines: Iterable[str], column: int | str, rows: dict[str, Iterable[str]], name: str
) -> Iterator[Entry]:
    table = (line.rstrip('\r\n').split('\t') for line in lines)
    header = None if isinstance(column, int) else next(table, [])

    def index(key: int | str) -> int:
        if header is not None and key in header:
            return header.index(str(key))
        try:
            return int(key)
        except ValueError:
            raise ValueError(f'{name}: column {key!r} is not in the header {header}.') from None

    wanted = {index(key): set(values) for key, values in rows.items()}
    position = index(column)
    needed = max([position, *wanted])
    for number, cells in enumerate(table, start=1 if header is None else 2):
        if len(cells) <= needed:
            raise ValueError(
                f'{name}, line {number}: expected at least {needed + 1} columns, got {len(cells)}.'
            )
        if all(cells[key] in values for key, values in wanted.items()):
            yield None, cells[position]
