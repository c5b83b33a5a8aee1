"""What one request costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import numpy as np

_WARM_UP = 5


def latency_ms(serve: Callable[[int], Any], requests: Sequence[int]) -> tuple[float, float]:
    """Median and 95th percentile of the wall time of single requests, in milliseconds.

    Parameters
    ----------
    serve : callable
        Answers one request.
    requests : sequence of int
        Answered one after the other; the first few are asked once beforehand, unmeasured.
    """
    for request in requests[:_WARM_UP]:
        serve(request)
    seconds = np.empty(len(requests))
    for position, request in enumerate(requests):
        started = perf_counter()
        serve(request)
        seconds[position] = perf_counter() - started
    p50, p95 = np.percentile(1000 * seconds, [50, 95])
    return float(p50), float(p95)
