"""The time that work with encodings takes, the same whether or not they come from a store."""

from __future__ import annotations

from contextvars import ContextVar
from time import perf_counter
from types import TracebackType

import numpy as np

_RUNNING: ContextVar[tuple[EncodingClock, ...]] = ContextVar("running clocks", default=())


class EncodingClock:
    """Wall time of ``with`` blocks, in which a stored vector counts what it took when it was computed, and counts once.

    So a cost does not depend on who encoded a text first, in which run, or how often its vector was asked for. One clock can
    time several blocks: what it has counted in one, it does not count again in the next.
    """

    def __init__(self) -> None:
        self._wall = self._in_store = 0.0
        self._stored: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}

    def __enter__(self) -> EncodingClock:
        self._token = _RUNNING.set((*_RUNNING.get(), self))
        self._started = perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._wall += perf_counter() - self._started
        _RUNNING.reset(self._token)

    @property
    def seconds(self) -> float:
        """Seconds of all blocks so far."""
        encoding = 0.0
        for parts in self._stored.values():
            keys, seconds = (np.concatenate(columns) for columns in zip(*parts, strict=True))
            encoding += float(seconds[np.unique(keys, return_index=True)[1]].sum(dtype=np.float64))
        return max(self._wall - self._in_store, 0.0) + encoding

    def count(self, store: str, keys: np.ndarray, seconds: np.ndarray, spent: float) -> None:
        """Count vectors of a store by what they took when they were computed, in place of the seconds spent just now."""
        self._stored.setdefault(store, []).append((keys, seconds))
        self._in_store += spent


def count_stored(store: str, keys: np.ndarray, seconds: np.ndarray, spent: float) -> None:
    """Tell all running clocks of vectors that a store gave.

    Parameters
    ----------
    store : str
        Name of the store.
    keys : ndarray of shape (n_texts,)
        What the vectors are kept under.
    seconds : ndarray of shape (n_texts,)
        What each took when it was computed.
    spent : float
        Seconds that the call has taken.
    """
    for clock in _RUNNING.get():
        clock.count(store, keys, seconds, spent)
