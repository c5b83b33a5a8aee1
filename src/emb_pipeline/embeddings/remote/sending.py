"""Work that is sent to an endpoint in requests, several at a time: what was answered is taken, whatever comes after it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np

from emb_pipeline.embeddings.remote.endpoint import TooLargeError

A = TypeVar("A")


def send_in_parts(
    batches: Sequence[np.ndarray], ask: Callable[[np.ndarray, threading.Event], A], concurrency: int
) -> Iterator[tuple[np.ndarray, A]]:
    """Send requests, and give the rows and the answer of each as they come.

    No more requests are sent than are under way, or answered and not yet taken: ``concurrency``. Where one fails, or the
    work is interrupted, those that are under way are still given; then the error is raised.

    Parameters
    ----------
    batches : sequence of ndarray of int64
        The rows of each request.
    ask : callable
        Sends the request of some rows and gives its answer. It is called with a part of a batch where the endpoint takes no
        more. The event is set where nothing is to be sent again.
    concurrency : int
        Requests at a time.

    Yields
    ------
    tuple of ndarray and answer
        The rows that were answered, in any order.
    """
    waiting = iter(batches)
    under_way: set[Future[_Answered[A]]] = set()
    trouble: BaseException | None = None
    stopped = threading.Event()
    try:
        with ThreadPoolExecutor(min(concurrency, max(len(batches), 1)), "endpoint") as pool:
            while True:
                while trouble is None and len(under_way) < concurrency:
                    batch = next(waiting, None)
                    if batch is None:
                        break
                    under_way.add(pool.submit(_answer, batch, ask, stopped))
                if not under_way:
                    break
                try:
                    done, _ = wait(under_way, return_when=FIRST_COMPLETED)
                except BaseException as error:  # an interruption: what is paid for is still taken
                    trouble, done = error, set()
                    stopped.set()
                for future in done:
                    under_way.remove(future)
                    answered = future.result()
                    yield from answered.parts
                    if answered.error is not None and trouble is None:
                        trouble = answered.error
                        stopped.set()
    finally:
        stopped.set()  # whoever stops taking answers asks for no more
    if trouble is not None:
        raise trouble


def _answer(batch: np.ndarray, ask: Callable[[np.ndarray, threading.Event], A], stopped: threading.Event) -> _Answered[A]:
    """Send one request, in halves where the endpoint takes no more; an error comes with what was answered before it."""
    answered: _Answered[A] = _Answered()
    parts = [batch]
    while parts:
        rows = parts.pop()
        try:
            answered.parts.append((rows, ask(rows, stopped)))
        except TooLargeError as error:
            if len(rows) == 1:
                answered.error = error
                break
            parts += [rows[len(rows) // 2 :], rows[: len(rows) // 2]]
        except Exception as error:
            answered.error = error
            break
    return answered


@dataclass
class _Answered(Generic[A]):
    """Rows and answers of a batch, and the error after them, if there is one."""

    parts: list[tuple[np.ndarray, A]] = field(default_factory=list)
    error: Exception | None = None
