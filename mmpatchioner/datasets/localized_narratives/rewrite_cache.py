"""Answers of language models on disk, so that an interrupted conversion goes on where it was."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from types import TracebackType

from mmpatchioner.datasets.json_lines import read_json_lines
from mmpatchioner.datasets.localized_narratives.rewriting import RewriteError

_LINE_START = b'{"key": '


class RewriteCache:
    """Captions by prompt, model and sentence, in a file of JSON lines that grows by one line an answer.

    A last line that an interruption cut off is passed over. To be used in a ``with`` statement.

    Args:
        path: The file, made with the first answer; its folder is made as well.

    Raises:
        RewriteError: if the file holds something else.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._captions: dict[str, str | None] = {}
        if self.path.exists():
            self._read()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open('a', encoding='utf-8')

    @staticmethod
    def key(prompt: str, model: str, sentence: str) -> str:
        """Name of an answer: a hash of all that it depends on."""
        return hashlib.sha256(json.dumps([prompt, model, sentence]).encode()).hexdigest()

    def add(self, key: str, sentence: str, caption: str | None) -> None:
        """Keep an answer; the sentence is written for readers only."""
        self._captions[key] = caption
        line = json.dumps(
            {'key': key, 'sentence': sentence, 'caption': caption}, ensure_ascii=False
        )
        self._file.write(f'{line}\n')
        self._file.flush()

    def __contains__(self, key: str) -> bool:
        return key in self._captions

    def __getitem__(self, key: str) -> str | None:
        return self._captions[key]

    def __len__(self) -> int:
        return len(self._captions)

    def __enter__(self) -> RewriteCache:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def _read(self) -> None:
        data = self.path.read_bytes()
        end = data.rfind(b'\n') + 1
        torn = data[end:]
        try:
            if torn[: len(_LINE_START)] != _LINE_START[: len(torn)]:
                raise ValueError(f'its last line is {torn[:40]!r}')
            for place, entry in read_json_lines(data[:end].splitlines(), str(self.path)):
                if not {'key', 'caption'} <= entry.keys():
                    raise ValueError(f'{place} has the keys {sorted(entry)}')
                self._captions[entry['key']] = entry['caption']
        except ValueError as error:
            raise RewriteError(
                f'{self.path}: expected a cache of rewritten sentences, got another file ({error}); name another.'
            ) from error
        if torn:
            with self.path.open('r+b') as file:
                file.truncate(end)
