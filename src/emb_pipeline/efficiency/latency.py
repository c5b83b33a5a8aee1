"""The cost of one request: wall time and processor time of single requests, repeated, and whether they can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from time import perf_counter, process_time
from typing import Any

import numpy as np
import psutil
from pydantic import BaseModel, ConfigDict, Field

PERCENTILES = (50, 95, 99)
FEWEST_PROCESSOR_SHARE = 0.5
"""Processor time over wall time below which something else held the processor, and the times are not the embedding's own."""
LARGEST_WAIT = 1.5
"""The most times its processor time that the wall time of the median, or the slow, request may be."""
LARGEST_TAIL = 3.0
"""The most times the 95th percentile of the requests' own times that the 95th percentile of all answers may be."""
_SLACK_SECONDS = 5e-5
REQUEST_TIMES = {
    "task": "string",
    "embedding": "string",
    "latency_ms_p50": "float64",
    "latency_ms_p95": "float64",
    "latency_ms_p99": "float64",
    "processor_ms_p50": "float64",
    "processor_ms_p95": "float64",
    "processor_share": "float64",
    "load": "float64",
    "n_requests": "int64",
    "rounds": "int64",
    "steady": "bool",
    "note": "string",
}
"""Columns of the table of all embeddings and tasks; a pair that could not be timed has no times, and says why."""
_WARM_UP = 5


class LatencyOptions(BaseModel):
    """Seconds and rounds that requests are timed for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seconds: float = Field(
        default=0.3, gt=0, le=3600, description="seconds that one embedding is timed for on one task, at most"
    )
    rounds: int = Field(default=3, ge=2, le=100, description="times that each request is answered")
    attempts: int = Field(
        default=3, ge=1, le=100, description="measurements on a busy machine before the times are reported as unsteady"
    )


@dataclass(frozen=True)
class RequestTimes:
    """Times of single requests, in milliseconds: percentiles over requests of each one's median over the rounds.

    Attributes
    ----------
    latency_ms_p50, latency_ms_p95, latency_ms_p99 : float
        Wall time.
    processor_ms_p50, processor_ms_p95 : float
        Processor time of this process, all threads together.
    processor_share : float
        Processor time over wall time, of all answers.
    load : float
        Load average of the machine in the minute before.
    n_requests, rounds : int
        Requests that were timed, and how often each.
    steady : bool
        Whether the times are the embedding's own. Only then do they count in a decision.
    note : str
        Why they are not.
    """

    latency_ms_p50: float
    latency_ms_p95: float
    latency_ms_p99: float
    processor_ms_p50: float
    processor_ms_p95: float
    processor_share: float
    load: float
    n_requests: int
    rounds: int
    steady: bool
    note: str

    def as_dict(self) -> dict[str, Any]:
        """The same as a row of a table."""
        return asdict(self)


def measure_requests(serve: Callable[[Any], Any], requests: Sequence[Any], options: LatencyOptions) -> RequestTimes:
    """Time single requests, again where other work on the machine disturbed them.

    Parameters
    ----------
    serve : callable
        Answers one request.
    requests : sequence
        Asked one after the other, in several rounds; as many of them as the time allows, one at least.
    options : LatencyOptions
        Time, rounds and attempts.

    Raises
    ------
    ValueError
        There is no request.
    """
    if not len(requests):
        raise ValueError("no request to time")
    steadiest: RequestTimes | None = None
    for _ in range(options.attempts):
        load = float(psutil.getloadavg()[0])
        found = judge_times(*_time_requests(serve, requests, options), load=load)
        if steadiest is None or (found.steady, found.processor_share) > (steadiest.steady, steadiest.processor_share):
            steadiest = found
        if steadiest.steady:
            break
    assert steadiest is not None
    return steadiest


def measure_service(serve: Callable[[Any], Any], requests: Sequence[Any], n_requests: int) -> RequestTimes:
    """Time a few requests that a service over a network takes part in, each once, for each is paid.

    The network is a part of what a request takes, so nothing is said of other work on this machine. One more request goes
    before them, unmeasured: it makes the connection.

    Parameters
    ----------
    serve : callable
        Answers one request.
    requests : sequence
        The first ones are sent.
    n_requests : int
        Requests that are timed at most.
    """
    chosen = list(requests[:n_requests])
    serve(chosen[0])
    load = float(psutil.getloadavg()[0])
    times = np.array([[_time_request(serve, request) for request in chosen]])
    found = judge_times(times[:, :, 0], times[:, :, 1], load=load)
    return replace(found, steady=True, note="")


def judge_times(wall: np.ndarray, processor: np.ndarray, *, load: float) -> RequestTimes:
    """Summarize times in seconds, shape (n_rounds, n_requests), and say whether they are the embedding's own.

    A long text takes longer in every round. What takes long in one round alone waited for something else: so the tail of
    all answers is held against that of the requests' medians.
    """
    own, own_processor = np.median(wall, axis=0), np.median(processor, axis=0)
    p50, p95, p99 = (float(value) for value in np.percentile(1000 * own, PERCENTILES))
    processor_p50, processor_p95 = (float(value) for value in np.percentile(1000 * own_processor, PERCENTILES[:2]))
    slack = 1000 * _SLACK_SECONDS
    share = float(processor.sum() / max(wall.sum(), 1e-12))
    tail = float(np.percentile(wall, 95))
    reasons = []
    if share < FEWEST_PROCESSOR_SHARE:
        reasons.append(f"the processor worked on it for {share:.0%} of the time")
    for name, waited, worked in (("median", p50, processor_p50), ("slow", p95, processor_p95)):
        if waited > LARGEST_WAIT * worked + slack:
            reasons.append(f"a {name} request took {waited:.3g} ms, {worked:.3g} ms of them processor time")
    if 1000 * tail > LARGEST_TAIL * p95 + slack:
        reasons.append(f"one answer in 20 took {1000 * tail:.3g} ms or more, one request in 20 takes {p95:.3g} ms")
    note = f"measured on a busy machine (load {load:.1f}): {'; '.join(reasons)}" if reasons else ""
    return RequestTimes(
        latency_ms_p50=p50,
        latency_ms_p95=p95,
        latency_ms_p99=p99,
        processor_ms_p50=processor_p50,
        processor_ms_p95=processor_p95,
        processor_share=share,
        load=load,
        n_requests=wall.shape[1],
        rounds=wall.shape[0],
        steady=not reasons,
        note=note,
    )


def _time_requests(
    serve: Callable[[Any], Any], requests: Sequence[Any], options: LatencyOptions
) -> tuple[np.ndarray, np.ndarray]:
    """Wall and processor seconds, shape (n_rounds, n_requests): the first round says how many requests there is time for."""
    limit = perf_counter() + options.seconds / (options.rounds + 1)
    for request in requests[:_WARM_UP]:
        serve(request)
        if perf_counter() > limit:
            break
    limit = perf_counter() + options.seconds / options.rounds
    first: list[tuple[float, float]] = []
    for request in requests:
        first.append(_time_request(serve, request))
        if perf_counter() > limit:
            break
    rounds = [
        first,
        *([_time_request(serve, request) for request in requests[: len(first)]] for _ in range(options.rounds - 1)),
    ]
    times = np.array(rounds)
    return times[:, :, 0], times[:, :, 1]


def _time_request(serve: Callable[[Any], Any], request: Any) -> tuple[float, float]:
    wall, processor = perf_counter(), process_time()
    serve(request)
    processor = process_time() - processor
    return perf_counter() - wall, processor


def measure_latencies(serve: Callable[[Any], Any], requests: Sequence[Any]) -> dict[str, float]:
    """Measure percentiles of the wall time of single requests, in milliseconds, for settings that are compared.

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
