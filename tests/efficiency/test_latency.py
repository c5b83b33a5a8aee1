"""What a request takes: repeated, in wall and processor time, and flagged where other work got in the way."""

from __future__ import annotations

import time

import numpy as np
import pytest

from emb_pipeline.efficiency.latency import LatencyOptions, judge_times, measure_requests, measure_service


def _work(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def test_percentiles_are_those_of_the_requests_medians_over_the_rounds() -> None:
    own = np.linspace(0.001, 0.002, 101)
    wall = np.stack([own, own * 1.01, own * 0.99])
    wall[1, 7] = 0.5  # one answer was interrupted: the request's median does not know
    times = judge_times(wall, own[None, :].repeat(3, axis=0), load=0.5)
    assert times.latency_ms_p50 == pytest.approx(1.5) and times.latency_ms_p95 == pytest.approx(1.95)
    assert times.latency_ms_p99 == pytest.approx(1.99) and times.processor_ms_p50 == pytest.approx(1.5)
    assert (times.n_requests, times.rounds, times.load) == (101, 3, 0.5)


def test_a_request_that_takes_long_every_time_is_the_embeddings_own() -> None:
    own = np.full(40, 0.001)
    own[:4] = 0.1  # long texts
    times = judge_times(np.stack([own] * 3), np.stack([own] * 3), load=1.0)
    assert times.steady and times.note == "" and times.latency_ms_p95 > 50 * times.latency_ms_p50


def test_answers_that_waited_for_the_processor_are_flagged() -> None:
    wall, processor = np.full((3, 20), 0.004), np.full((3, 20), 0.001)
    times = judge_times(wall, processor, load=9.0)
    assert not times.steady and times.processor_share == pytest.approx(0.25)
    assert times.note.startswith("measured on a busy machine (load 9.0): the processor worked on it for 25% of the time; ")


def test_slow_requests_that_waited_each_time_are_flagged() -> None:
    wall, processor = np.full((3, 20), 0.001), np.full((3, 20), 0.001)
    wall[:, :3] = 0.02  # the same three in all rounds, with no more to do than the others
    times = judge_times(wall, processor, load=3.0)
    assert not times.steady and "a slow request took 20 ms, 1 ms of them processor time" in times.note


def test_a_tail_that_no_request_has_by_itself_is_flagged() -> None:
    wall = np.full((3, 40), 0.001)
    wall[0, ::5] = 0.082  # 8 of 120 answers; another one each time would be no different
    times = judge_times(wall, wall, load=9.0)
    assert not times.steady and times.latency_ms_p95 == pytest.approx(1.0)
    assert "one answer in 20 took 82 ms or more, one request in 20 takes 1 ms" in times.note


def test_the_time_that_is_given_bounds_the_requests_and_a_slow_one_is_still_timed() -> None:
    asked: list[float] = []

    def serve(seconds: float) -> None:
        asked.append(seconds)
        _work(seconds)

    started = time.perf_counter()
    times = measure_requests(serve, [0.005] * 1000, LatencyOptions(seconds=0.1, rounds=2, attempts=1))
    assert 2 <= times.n_requests <= 10 and len(asked) <= 5 + 2 * times.n_requests
    assert times.processor_ms_p50 == pytest.approx(5, rel=0.2) and time.perf_counter() - started < 2
    slow = measure_requests(serve, [0.05, 0.05], LatencyOptions(seconds=0.001, rounds=2, attempts=1))
    assert slow.n_requests == 1 and slow.processor_ms_p95 == pytest.approx(50, rel=0.2)


@pytest.mark.slow
def test_an_unsteady_measurement_is_repeated_and_the_steadiest_one_kept() -> None:
    calls = 0

    def serve(request: int) -> None:
        nonlocal calls
        calls += 1
        if calls <= 9:  # all answers of the first attempt
            time.sleep(0.1)
        _work(0.001)

    times = measure_requests(serve, [1, 2, 3], LatencyOptions(seconds=1, rounds=2, attempts=8))
    assert times.processor_share > 0.05 and calls >= 18  # about .01 with the pauses
    with pytest.raises(ValueError, match="no request to time"):
        measure_requests(serve, [], LatencyOptions())


def test_a_service_is_asked_a_few_times_and_its_network_counts() -> None:
    asked: list[int] = []

    def answer(request: int) -> None:
        asked.append(request)
        time.sleep(0.02)  # as a network makes one wait

    found = measure_service(answer, list(range(50)), 3)
    assert asked == [0, 0, 1, 2]  # the first makes the connection
    assert found.steady and not found.note and (found.n_requests, found.rounds) == (3, 1)
    assert found.latency_ms_p50 >= 20 > found.processor_ms_p50
