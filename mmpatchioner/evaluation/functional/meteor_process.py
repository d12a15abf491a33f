"""One Java process of METEOR, fed and read by threads so that neither side ever waits for the other."""

from __future__ import annotations

import os
import queue
import re
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from mmpatchioner.evaluation.functional.java import ExternalToolError
from mmpatchioner.evaluation.functional.meteor_formula import NUM_STATISTICS

_MOST_AT_ONCE = 256  # requests that are written with one system call
_ERROR_LINES = 5  # of what Java said at last
_NUMBER = rb'\d+(?:\.\d+)?'
_REPLY = re.compile(_NUMBER + rb'(?: %s){%d}' % (_NUMBER, NUM_STATISTICS - 1))


class MeteorError(ExternalToolError):
    """METEOR's Java process ended or answered nonsense; the message has what it said."""


class MeteorProcess:
    """A running METEOR that takes requests at any time and tells every reply as it comes.

    A writer thread streams the requests and a reader thread takes the replies: who wrote everything before reading
    would wait for ever once the pipes are full. The process ends when :meth:`close` is called or when its standard
    input closes, which the operating system does if this process dies.

    Args:
        command: What is run.
        folder: Where it is run.
        on_reply: Called by the reader thread with a request's index, counted from 0 in the order of :meth:`send`, and
            its reply without the line end.
        on_error: Called at most once, by a thread, if no more replies will come; not after :meth:`close`.

    Raises:
        MeteorError: if the command can not be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        on_reply: Callable[[int, bytes], None],
        on_error: Callable[[MeteorError], None],
    ) -> None:
        try:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except OSError as error:
            raise MeteorError(f'METEOR could not be started by {command[0]}: {error}.') from error
        self._owner = os.getpid()
        self._on_reply, self._on_error = on_reply, on_error
        self._requests: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._said: deque[str] = deque(maxlen=_ERROR_LINES)
        self._closed = False
        assert self._process.stdin and self._process.stdout and self._process.stderr
        self._listener = self._start(self._listen, self._process.stderr)
        self._start(self._write, self._process.stdin)
        self._start(self._read, self._process.stdout)

    @property
    def pid(self) -> int:
        """Id of the Java process."""
        return self._process.pid

    def send(self, line: bytes) -> None:
        """Ask for the reply to a line, which has its line end; returns at once."""
        self._requests.put(line)

    def close(self) -> None:
        """Kill the process, and return when it has ended. A copy of this object in a forked process does nothing."""
        if os.getpid() != self._owner:
            return
        self._closed = True
        self._requests.put(None)
        self._process.kill()
        self._process.wait()

    def _start(self, work: Callable[[IO[bytes]], None], pipe: IO[bytes]) -> threading.Thread:
        thread = threading.Thread(target=work, args=(pipe,), name='meteor', daemon=True)
        thread.start()
        return thread

    def _write(self, pipe: IO[bytes]) -> None:
        ended = False
        try:
            while not ended:
                lines = [self._requests.get()]
                while lines[-1] is not None and len(lines) < _MOST_AT_ONCE:
                    try:
                        lines.append(self._requests.get_nowait())
                    except queue.Empty:
                        break
                ended = lines[-1] is None
                pipe.write(b''.join(line for line in lines if line is not None))
                pipe.flush()
        except OSError:
            return  # the process has ended, which the reader tells
        finally:
            _close_quietly(pipe)

    def _read(self, pipe: IO[bytes]) -> None:
        with pipe:
            for index, line in enumerate(pipe):
                reply = line.strip()
                if not is_reply(reply):
                    shown = reply[:200].decode(errors='replace')
                    self._fail(
                        f'METEOR answered request {index + 1} with {shown!r}, expected 23 numbers'
                    )
                    return
                self._on_reply(index, reply)
        self._fail('METEOR ended before it answered everything')

    def _listen(self, pipe: IO[bytes]) -> None:
        with pipe:
            for line in pipe:
                self._said.append(line.decode(errors='replace').strip())

    def _fail(self, what: str) -> None:
        if self._closed:
            return
        self._process.kill()
        code = self._process.wait()
        self._listener.join(timeout=1)  # a child of the process may hold the pipe open
        self._requests.put(None)
        said = ' / '.join(line for line in self._said if line) or 'nothing'
        if not self._closed:
            self._on_error(MeteorError(f'{what} (exit code {code}; Java said: {said}).'))


def is_reply(line: bytes) -> bool:
    """Whether a line is a reply of METEOR: its 23 numbers, between single spaces."""
    return _REPLY.fullmatch(line) is not None


def _close_quietly(pipe: IO[bytes]) -> None:
    try:
        pipe.close()
    except OSError:
        return  # what was buffered can not be written any more
