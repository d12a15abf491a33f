"""METEOR 1.5 through the jar of pycocoevalcap, without waiting for each answer."""

from __future__ import annotations

import itertools
import os
import threading
import weakref
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmpatchioner.evaluation.functional.java import coco_caption_file, find_java
from mmpatchioner.evaluation.functional.meteor_cache import MeteorCache
from mmpatchioner.evaluation.functional.meteor_formula import NUM_STATISTICS
from mmpatchioner.evaluation.functional.meteor_process import MeteorError, MeteorProcess
from mmpatchioner.evaluation.functional.meteor_scorer import MeteorScorer, Pair, pair_key

__all__ = ['Meteor', 'MeteorError', 'find_meteor_jar']

JAR_VARIABLE = 'MMPATCHIONER_METEOR_JAR'
"""Environment variable that names another meteor-1.5.jar than that of pycocoevalcap."""

Key = tuple[str, ...]

_AT_ONCE = 1000  # pairs that are made ready before they are sent


class Meteor(MeteorScorer):
    """A client of METEOR that starts Java when it is first needed and ends it for certain.

    Each different pair is sent once, whatever the calls; requests are streamed while replies come back, and only the
    aligner's counts are asked for: the scores are computed here. So it is fast on captions that repeat, and ``submit``
    lets Java work while the captions of the next images are still being made.

    The processes end with :meth:`close`, at the end of a ``with`` block, when the object is garbage or Python ends, and
    if Python is killed. One thread at a time may use an object.

    Args:
        jar: File ``meteor-1.5.jar``, beside which is the folder ``data``; see :func:`find_meteor_jar`.
        workers: Number of Java processes; each takes 1.3 GB, and more than one pays off with four cores or more.
        cache: File in which counts are kept for the next time; several programs may use one file at a time.
        memory: Largest heap of a process, as Java writes it.
        timeout: Longest time without any reply, in seconds, while one is due.

    Raises:
        ValueError: if ``workers`` or ``timeout`` is not positive.

    Example:
        >>> with Meteor() as meteor:  # doctest: +SKIP
        ...     meteor.submit([('a dog runs', ['the dog is running'])])
        ...     meteor.score([('a dog runs', ['the dog is running'])])
        [0.3125]
    """

    def __init__(
        self,
        jar: str | os.PathLike[str] | None = None,
        *,
        workers: int = 1,
        cache: str | os.PathLike[str] | None = None,
        memory: str = '2G',
        timeout: float = 600.0,
    ) -> None:
        if workers < 1:
            raise ValueError(f'workers: expected at least 1, got {workers}.')
        if not timeout > 0:
            raise ValueError(f'timeout: expected a positive number of seconds, got {timeout}.')
        self._jar = jar
        self._workers = workers
        self._cache_path = cache
        self._cache: MeteorCache | None = None
        self._memory = memory
        self._timeout = timeout
        self._replies = _Replies()
        self._unsaved: list[Key] = []
        self._processes: list[MeteorProcess] = []
        self._turns = itertools.cycle(range(workers))
        self._sent: list[list[Key]] = [[] for _ in range(workers)]
        self._closed = False
        self._end = weakref.finalize(self, _close_all, self._processes)

    def submit(self, pairs: Sequence[Pair]) -> None:
        """Begin with pairs whose scores will be asked for later; returns at once.

        Raises:
            JavaNotFoundError: if there is no Java.
            MissingPackageError: if there is no jar.
            MeteorError: if Java failed, or this object was closed.
            TypeError: if a pair is not a text and a sequence of texts.
        """
        self._request_all(pairs)

    def statistics(self, pairs: Sequence[Pair]) -> NDArray[np.float64]:
        """(P, 23) numbers of METEOR's aligner for the pairs, in their order; waits for them.

        Raises:
            JavaNotFoundError: if there is no Java.
            MissingPackageError: if there is no jar.
            MeteorError: if Java failed, or this object was closed.
            TypeError: if a pair is not a text and a sequence of texts.
        """
        keys = self._request_all(pairs)
        different = dict.fromkeys(keys)
        replies = self._replies.wait(different, self._timeout)
        self._save()
        rows = np.fromstring(b' '.join(replies), sep=' ', dtype=np.float64)
        places = {key: place for place, key in enumerate(different)}
        return rows.reshape(-1, NUM_STATISTICS)[[places[key] for key in keys]]

    def close(self) -> None:
        """End the processes; what has been computed is saved first. Closing twice is allowed."""
        if not self._closed:
            self._save()
        self._closed = True
        self._end()

    def __enter__(self) -> Meteor:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _request_all(self, pairs: Sequence[Pair]) -> list[Key]:
        """Ask for pairs bit by bit, so that Java begins with the first while the last are made ready."""
        if self._closed:
            raise MeteorError('This Meteor was closed; make another one.')
        keys: list[Key] = []
        for start in range(0, len(pairs), _AT_ONCE):
            some = [pair_key(pair) for pair in pairs[start : start + _AT_ONCE]]
            self._request(dict.fromkeys(some))
            keys += some
        return keys

    def _request(self, keys: Iterable[Key]) -> None:
        new = self._replies.unknown(keys)
        if new and self._cache_path is not None:
            self._cache = self._cache or MeteorCache(self._cache_path, find_meteor_jar(self._jar))
            found = self._cache.get(new)
            self._replies.add(found)
            new = [key for key in new if key not in found]
            self._unsaved += new
        if new and not self._processes:
            self._start()
        self._replies.expect(new)
        for key in new:
            worker = next(self._turns)
            self._sent[worker].append(key)
            self._processes[worker].send(_request_line(key))

    def _start(self) -> None:
        jar = find_meteor_jar(self._jar)
        command = [str(find_java()), '-XX:+UseParallelGC', f'-Xmx{self._memory}', '-jar', str(jar)]
        command += ['-', '-', '-stdio', '-l', 'en', '-norm']
        replies = self._replies
        for sent in self._sent:

            def on_reply(index: int, reply: bytes, sent: list[Key] = sent) -> None:
                replies.add({sent[index]: reply})

            try:
                process = MeteorProcess(command, jar.parent, on_reply, replies.fail)
            except MeteorError:
                _close_all(self._processes)
                self._processes.clear()
                raise
            self._processes.append(process)

    def _save(self) -> None:
        if self._cache is None:
            return
        known = self._replies.known(self._unsaved)
        self._unsaved = [key for key in self._unsaved if key not in known]
        self._cache.put(known)


def find_meteor_jar(jar: str | os.PathLike[str] | None = None) -> Path:
    """The file meteor-1.5.jar: the one given, else what MMPATCHIONER_METEOR_JAR names, else pycocoevalcap's.

    Raises:
        MissingPackageError: if none is named and pycocoevalcap is not installed.
        MeteorError: if there is no such file.
    """
    named = jar or os.environ.get(JAR_VARIABLE)
    if not named:
        return coco_caption_file('meteor/meteor-1.5.jar')
    path = Path(named).absolute()
    if not path.is_file():
        raise MeteorError(f'{path}: expected the file meteor-1.5.jar, found nothing.')
    return path


class _Replies:
    """Replies by key, which the reader threads fill: they know this object and not its owner, which can be garbage."""

    def __init__(self) -> None:
        self._by_key: dict[Key, bytes | None] = {}  # None: asked for
        self._awaited: set[Key] = set()
        self._received = 0
        self._error: MeteorError | None = None
        self._changed = threading.Condition()

    def unknown(self, keys: Iterable[Key]) -> list[Key]:
        """Those that nobody asked for so far.

        Raises:
            MeteorError: if there was an error.
        """
        with self._changed:
            self._check()
            return [key for key in keys if key not in self._by_key]

    def expect(self, keys: Iterable[Key]) -> None:
        """Note that keys are asked for."""
        with self._changed:
            self._by_key.update(dict.fromkeys(keys))

    def add(self, replies: Mapping[Key, bytes]) -> None:
        """Take replies, of the processes or of the cache."""
        with self._changed:
            self._by_key.update(replies)
            self._received += len(replies)
            self._awaited.difference_update(replies)
            if not self._awaited:
                self._changed.notify_all()

    def fail(self, error: MeteorError) -> None:
        """Take note that replies will be missing."""
        with self._changed:
            self._error = self._error or error
            self._changed.notify_all()

    def wait(self, keys: Iterable[Key], timeout: float) -> list[bytes]:
        """Replies in the order of their keys, as soon as all are there.

        Raises:
            MeteorError: if one does not come.
        """
        with self._changed:
            self._awaited = {key for key in keys if self._by_key[key] is None}
            while self._awaited:
                self._check()
                before = self._received
                if not self._changed.wait(timeout) and self._received == before:
                    self._error = MeteorError(
                        f'METEOR has not answered for {timeout:g} s; {len(self._awaited)} replies are due.'
                    )
        return list(self.known(keys).values())

    def known(self, keys: Iterable[Key]) -> dict[Key, bytes]:
        """The replies of those keys that have one."""
        with self._changed:
            return {key: reply for key in keys if (reply := self._by_key[key]) is not None}

    def _check(self) -> None:
        if self._error is not None:
            raise MeteorError(str(self._error)) from self._error


def _request_line(key: Key) -> bytes:
    # A lone surrogate, which no encoding has, becomes a question mark.
    return ' ||| '.join(('SCORE', *key)).encode(errors='replace') + b'\n'


def _close_all(processes: Sequence[MeteorProcess]) -> None:
    for process in processes:
        process.close()
