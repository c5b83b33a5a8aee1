"""What one request costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import numpy as np

PERCENTILES = (50, 95, 99)
_WARM_UP = 5


def latencies_ms(serve: Callable[[Any], Any], requests: Sequence[Any]) -> dict[str, float]:
    """Percentiles of the wall time of single requests, in milliseconds.

    Parameters
    ----------
    serve : callable
        Answers one request.
    requests : sequence
        Answered one after the other; the first few are asked once beforehand, unmeasured.

    Returns
    -------
    dict of str to float
        ``latency_ms_p50``, ``latency_ms_p95`` and ``latency_ms_p99``; empty without a request.
    """
    if not len(requests):
        return {}
    for request in requests[:_WARM_UP]:
        serve(request)
    seconds = np.empty(len(requests))
    for position, request in enumerate(requests):
        started = perf_counter()
        serve(request)
        seconds[position] = perf_counter() - started
    found = np.percentile(1000 * seconds, PERCENTILES)
    return {f"latency_ms_p{percentile}": float(value) for percentile, value in zip(PERCENTILES, found, strict=True)}
