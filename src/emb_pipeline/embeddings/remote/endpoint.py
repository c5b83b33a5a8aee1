"""Requests to an endpoint: sent again where that helps, within a budget, with errors that say what to do."""

from __future__ import annotations

import email.utils
import random
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
import urllib3

from emb_pipeline.embeddings.remote.account import Account, Spending
from emb_pipeline.embeddings.remote.keys import read_key
from emb_pipeline.embeddings.remote.options import EndpointOptions
from emb_pipeline.errors import DataError
from emb_pipeline.redaction import redact

_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529})
"""Statuses after which the same request may be answered."""
_FIRST_WAIT_SECONDS = 0.5
_MARKS_PER_TEXT = 16
"""Tokens that a service puts around a text at most: its ends, the prompt of an input type. A word's has a byte or more."""
_NOT_SENT = (requests.exceptions.ConnectTimeout, requests.exceptions.ProxyError, requests.exceptions.SSLError)
_TOO_LONG = re.compile(
    r"(?i)maximum context|context.length|too (long|large|many)|max(imum)?[ _](input|sequence|allowed|batch|length|number)|"
    r"must have less than|exceed|at most \d+"
)
_LOOKS_LIKE_A_KEY = re.compile(r"(?i)(bearer\s+|\b(?:sk|pk|hf|pa|co|jina|gsk|key|xai|nvapi)[-_])[A-Za-z0-9*._-]{6,}")
_SHOWN_CHARACTERS = 300


class TooLargeError(DataError):
    """A request with more, or longer, texts than the endpoint takes."""


@dataclass(frozen=True)
class Answer:
    """A request's answer.

    Attributes
    ----------
    content : any
        Its JSON.
    tokens : int
        Those that were billed; estimated where the answer does not say it.
    spending : Spending
        The account after it.
    """

    content: Any
    tokens: int
    spending: Spending


class Endpoint:
    """One address of a service.

    Parameters
    ----------
    options : EndpointOptions
        Address, key, price, and how requests are sent.
    route : str
        Last part of the path: ``embeddings``.
    account : Account
        The account that requests are paid from.
    """

    def __init__(self, options: EndpointOptions, route: str, account: Account) -> None:
        self.options, self.account = options, account
        self._url = f"{options.base_url}/{route}"
        self._of_thread = threading.local()
        self._pause = _Pause()

    def post(
        self,
        body: Mapping[str, Any],
        *,
        n_bytes: int,
        texts: int,
        purpose: str,
        stopped: threading.Event | None = None,
    ) -> Answer:
        """Send a request until it is answered, and pay for it.

        Parameters
        ----------
        body : mapping
            The JSON.
        n_bytes, texts : int
            Bytes of the texts in it, and their number.
        purpose : str
            What it is paid for, in the account.
        stopped : Event, optional
            Set where it is not to be sent again: another request of the same work has failed for good.

        Raises
        ------
        TooLargeError
            The endpoint takes fewer texts, or shorter ones.
        DataError
            A key that is refused, an unknown model, an endpoint that does not answer, a budget that is reached.
        """
        read_key(self.options.key)
        stopped = stopped or threading.Event()
        most = self.options.price(n_bytes + _MARKS_PER_TEXT * texts)
        for attempt in range(self.options.retries + 1):
            self._pause.wait(stopped)
            number = self.account.reserve(most)
            maybe_billed = True
            try:
                response = self._send(body)
                maybe_billed = response.status_code == 200
                if response.status_code == 200:
                    content = response.json()
                    tokens = _read_tokens(content)
                    if tokens is None:
                        tokens = round(n_bytes * self.account.read().tokens_per_byte)
                    spending = self.account.settle(
                        number, self.options.price(tokens), purpose=purpose, tokens=tokens, n_bytes=n_bytes, texts=texts
                    )
                    number = ""
                    return Answer(content, tokens, spending)
                trouble, asked = self._require_transient(response), _read_retry_after(response)
            except requests.exceptions.RequestException as error:  # also JSON that ends too early
                maybe_billed = not isinstance(error, _NOT_SENT) and not _was_refused(error)
                trouble, asked = f"{type(error).__name__}: {self._show(str(error))}", None
            finally:
                if number:
                    self.account.release(number, maybe_billed=maybe_billed)
            if attempt == self.options.retries or stopped.is_set():
                raise DataError(
                    self.options.place,
                    f"gave no answer in {attempt + 1} attempts; the last: {trouble}",
                    "see that the service runs and that its address is right, or raise 'retries' and 'timeout_seconds'; "
                    "what was answered is stored",
                )
            self._pause.set(_choose_wait(attempt, asked, self.options.longest_wait_seconds))
        raise AssertionError("unreachable")

    def _send(self, body: Mapping[str, Any]) -> requests.Response:
        return self._session.post(
            self._url,
            json=body,
            params=self.options.parameters or None,
            headers=self.options.headers or None,
            auth=_KeyHeader(self.options.key, self.options.key_header),
            timeout=self.options.timeout_seconds,
            allow_redirects=False,  # a key is not carried to another host
        )

    @property
    def _session(self) -> requests.Session:
        if not hasattr(self._of_thread, "session"):
            self._of_thread.session = requests.Session()
        session: requests.Session = self._of_thread.session
        return session

    def _require_transient(self, response: requests.Response) -> str:
        """Raise for what another attempt does not repair; describe the rest."""
        status, said = response.status_code, self._show(_read_message(response))
        place, told = self.options.place, f": {said}" if said else ""
        key = f"key {self.options.key}" if self.options.key else "no key ('key' is not set)"
        if status == 401 or status == 403:
            raise DataError(
                place,
                f"refuses the request with {key} (status {status}){told}",
                "see that the key is right, valid for this model, and in the right 'key_header'",
            )
        if status == 404:
            raise DataError(
                place, f"knows no such model or address {self._url} (status 404){told}", "correct 'model' or 'base_url'"
            )
        if status == 429 and "insufficient_quota" in response.text:
            raise DataError(
                place,
                f"says that the account has no money left (status 429){told}",
                "add to the account; what was answered is stored",
            )
        if status == 413 or (status in (400, 422) and _TOO_LONG.search(said)):
            raise TooLargeError(
                place,
                f"takes no text or request of this size (status {status}){told}",
                "set 'max_characters' to cut long texts, or lower 'batch_texts' and 'batch_tokens'",
            )
        if status in _AGAIN:
            return f"status {status}{told}"
        raise DataError(
            place,
            f"refuses the request (status {status}){told}",
            "correct the options that it names; 'extra' takes fields that the service needs",
        )

    def _show(self, text: str) -> str:
        """Shorten a message of the service, without keys."""
        short = " ".join(_LOOKS_LIKE_A_KEY.sub(r"\1***", redact(text)).split())
        return short if len(short) <= _SHOWN_CHARACTERS else f"{short[:_SHOWN_CHARACTERS]}…"


class _KeyHeader(requests.auth.AuthBase):
    """Writes the key into a request; it also keeps requests from taking a password from ``.netrc``."""

    def __init__(self, name: str | None, header: str) -> None:
        self._name, self._header = name, header

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        key = read_key(self._name)
        if key is not None:
            request.headers[self._header] = f"Bearer {key}" if self._header.lower() == "authorization" else key
        return request


class _Pause:
    """The time before which no thread sends a request: a service that is asked to wait for is asked by none."""

    def __init__(self) -> None:
        self._until = 0.0
        self._lock = threading.Lock()

    def set(self, seconds: float) -> None:
        with self._lock:
            self._until = max(self._until, time.monotonic() + seconds)

    def wait(self, stopped: threading.Event) -> None:
        while not stopped.is_set():
            with self._lock:
                left = self._until - time.monotonic()
            if left <= 0:
                return
            stopped.wait(min(left, 1.0))


def _choose_wait(attempt: int, asked: float | None, longest: float) -> float:
    """Choose the seconds before the next attempt: as the service asks, else twice as long each time, with jitter."""
    if asked is not None:
        return min(asked * (1 + 0.1 * random.random()), longest)
    return min(_FIRST_WAIT_SECONDS * float(2**attempt), longest) * (0.5 + 0.5 * random.random())


def _read_retry_after(response: requests.Response) -> float | None:
    """Read the seconds that a service asks to wait for: a number, or a date."""
    if milliseconds := response.headers.get("retry-after-ms"):
        with_unit = (milliseconds, 1000.0)
    elif value := response.headers.get("Retry-After"):
        with_unit = (value, 1.0)
    else:
        return None
    text, unit = with_unit
    try:
        return max(float(text) / unit, 0.0)
    except ValueError:
        pass
    try:
        return max(float(email.utils.parsedate_to_datetime(text).timestamp()) - time.time(), 0.0)
    except (TypeError, ValueError):
        return None


def _read_message(response: requests.Response) -> str:
    """Read what a service says of a refusal, in whichever field."""
    try:
        content = response.json()
    except ValueError:
        return response.text
    for _ in range(3):
        if not isinstance(content, dict):
            break
        content = next((content[name] for name in ("error", "message", "detail", "errors") if name in content), str(content))
    return str(content)


def _read_tokens(content: Any) -> int | None:
    """Read the tokens that were billed; None where an answer does not say it (Gemini)."""
    usage = content.get("usage") if isinstance(content, dict) else None
    if not isinstance(usage, dict):
        return None
    for name in ("total_tokens", "prompt_tokens"):
        if isinstance(usage.get(name), int) and usage[name] > 0:
            return int(usage[name])
    return None


def _was_refused(error: BaseException) -> bool:
    """Tell whether a connection was never made: then nothing was billed."""
    reason: Any = error
    while reason is not None:
        if isinstance(reason, urllib3.exceptions.NewConnectionError):
            return True
        reason = getattr(reason, "reason", None) or (
            reason.args[0] if reason.args and isinstance(reason.args[0], BaseException) else None
        )
    return False
