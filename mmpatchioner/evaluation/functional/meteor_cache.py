"""Replies of METEOR kept in a file, so that the same captions need no Java the next time."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import warnings
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path

from mmpatchioner.evaluation.functional.meteor_process import is_reply

Key = tuple[str, ...]

_AT_ONCE = 500  # keys of one query; SQLite takes 999 at least
_PATIENCE = 30.0  # seconds, while another program writes


class MeteorCache:
    """A file of METEOR's replies, by what was asked and of which jar; several programs may use it at a time.

    A file that can not be used is warned of once, and left alone: nothing is found then, and nothing kept.

    Args:
        path: An SQLite file; it is made, with its folder, when something is kept.
        jar: METEOR's jar; its content, and that of the paraphrases beside it, are part of every key.
    """

    def __init__(self, path: str | os.PathLike[str], jar: Path) -> None:
        self._path = Path(path)
        self._jar = _digest_of(jar)
        self._usable = True

    def get(self, keys: Iterable[Key]) -> dict[Key, bytes]:
        """The replies that are kept, of those asked for."""
        by_digest = {self._digest(key): key for key in keys}
        if not self._usable or not self._path.exists():
            return {}
        digests = list(by_digest)
        found: dict[Key, bytes] = {}
        try:
            with closing(self._open()) as database:
                for start in range(0, len(digests), _AT_ONCE):
                    some = digests[start : start + _AT_ONCE]
                    marks = ','.join('?' * len(some))
                    query = f'SELECT key, reply FROM replies WHERE key IN ({marks})'
                    rows = database.execute(query, some).fetchall()
                    found.update(
                        (by_digest[key], reply)
                        for key, reply in rows
                        if isinstance(reply, bytes) and is_reply(reply)
                    )
        except (sqlite3.Error, OSError) as error:
            self._give_up(error)
        return found

    def put(self, replies: Mapping[Key, bytes]) -> None:
        """Keep replies."""
        if not self._usable or not replies:
            return
        rows = [(self._digest(key), reply) for key, reply in replies.items()]
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._open()) as database, database:
                database.executemany('INSERT OR REPLACE INTO replies VALUES (?, ?)', rows)
        except (sqlite3.Error, OSError) as error:
            self._give_up(error)

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, timeout=_PATIENCE)
        try:
            database.execute(
                'CREATE TABLE IF NOT EXISTS replies (key BLOB PRIMARY KEY, reply BLOB NOT NULL)'
            )
        except sqlite3.Error:
            database.close()
            raise
        return database

    def _digest(self, key: Key) -> bytes:
        text = '\n'.join(key).encode(errors='replace')  # keys have no line ends
        return hashlib.sha256(self._jar + text).digest()

    def _give_up(self, error: Exception) -> None:
        self._usable = False
        warnings.warn(
            f'The METEOR cache {self._path} can not be used ({error}) and is left alone; scores are computed without '
            'it. Delete the file, or name another one.',
            stacklevel=2,
        )


def _digest_of(jar: Path) -> bytes:
    digest = hashlib.sha256()
    for path in (jar, jar.parent / 'data' / 'paraphrase-en.gz'):
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.digest()
