"""A language model behind an OpenAI-compatible HTTP interface (vLLM, llama.cpp, Ollama, hosted ones)."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from http.client import HTTPException

from mmpatchioner.datasets.localized_narratives.rewriting import RewriteError

_TRY_AGAIN = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.CONFLICT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
_LONGEST_WAIT = 60.0  # seconds


class _PassingError(Exception):
    """A request failed in a way that may not last."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class EndpointModel:
    """Asks ``POST {base_url}/chat/completions``, several requests at a time, at temperature 0.

    Args:
        base_url: E.g. ``http://localhost:8000/v1``.
        model: Name of the model there.
        api_key: Sent as bearer token if it is given.
        max_tokens: Longest answer.
        timeout: Seconds that one request may take.
        retries: How often a request is repeated after a failure that may not last (no connection, time-out, status 408,
            409, 425, 429, 5xx), each time after twice the wait, or after the one that the server asks for.
        workers: Requests at a time.
        first_wait: Seconds before the first repetition.
        sleep: Waits so many seconds.

    Raises:
        RewriteError: if the address is none of HTTP, or a number is too small.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        api_key: str | None = None,
        max_tokens: int = 64,
        timeout: float = 60.0,
        retries: int = 5,
        workers: int = 4,
        first_wait: float = 1.0,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        if not base_url.startswith(('http://', 'https://')):
            raise RewriteError(f'base url: expected http://... or https://..., got {base_url!r}.')
        if retries < 0 or timeout <= 0:
            raise RewriteError(
                f'retries, timeout: expected 0 or more and more than 0, got {retries} and {timeout:g}.'
            )
        self.url = f'{base_url.rstrip("/")}/chat/completions'
        self.name = model
        self.max_tokens = max_tokens
        self.timeout = timeout
        self.retries = retries
        self.workers = workers
        self.first_wait = first_wait
        self._sleep = sleep
        self._headers = {'Content-Type': 'application/json'}
        if api_key:
            self._headers['Authorization'] = f'Bearer {api_key}'

    def answers(self, prompts: Sequence[str]) -> list[str]:
        """See :meth:`LanguageModel.answers`."""
        with ThreadPoolExecutor(self.workers) as pool:
            futures = [pool.submit(self._answer, prompt) for prompt in prompts]
            try:
                return [future.result() for future in futures]
            finally:
                for future in futures:
                    future.cancel()

    def _answer(self, prompt: str) -> str:
        body = json.dumps(
            {
                'model': self.name,
                'messages': [{'role': 'user', 'content': prompt}],
                'temperature': 0,
                'max_tokens': self.max_tokens,
            }
        ).encode()
        for attempt in range(self.retries + 1):
            try:
                return self._text_of(self._post(body))
            except _PassingError as error:
                reason = error
            if attempt < self.retries:
                wait = self.first_wait * 2**attempt if reason.wait is None else reason.wait
                self._sleep(min(wait, _LONGEST_WAIT))
        raise RewriteError(
            f'{self.url}: no answer in {self.retries + 1} attempts, the last one: {reason}. What was answered so far '
            'is in the cache; run the same command again.'
        )

    def _post(self, body: bytes) -> bytes:
        request = urllib.request.Request(self.url, body, self._headers)
        try:
            with urllib.request.urlopen(request, timeout=self.timeout) as response:
                return response.read()
        except urllib.error.HTTPError as error:
            with error:
                reason = f'status {error.code}, {_first_line(error.read())}'
            if error.code in _TRY_AGAIN:
                raise _PassingError(reason, _seconds(error.headers.get('Retry-After'))) from error
            raise RewriteError(f'{self.url}: {reason}.') from error
        except (OSError, HTTPException) as error:  # URLError and time-outs are OSErrors
            raise _PassingError(str(error) or type(error).__name__) from error

    def _text_of(self, content: bytes) -> str:
        try:
            choice = json.loads(content)['choices'][0]
            text = choice['message']['content'] or ''
            if not isinstance(text, str):
                raise TypeError(text)
        except (ValueError, LookupError, TypeError) as error:
            raise RewriteError(
                f'{self.url}: expected an answer of the chat completions interface, got {_first_line(content)}.'
            ) from error
        if not text.strip() and choice.get('finish_reason') == 'length':
            raise RewriteError(
                f'{self.url}: no text within {self.max_tokens} tokens; a model that thinks first needs more.'
            )
        return text


def _seconds(header: str | None) -> float | None:
    """The wait that a server asks for; as a date it is not read."""
    try:
        return max(0.0, float(header)) if header else None
    except ValueError:
        return None


def _first_line(content: bytes) -> str:
    return ' '.join(content.decode('utf-8', 'replace').split())[:200] or 'nothing'
