"""Matrix operations: what is counted is exact, what is timed is listed, and a planted crossing is found."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from pydantic import ValidationError

from emb_pipeline.efficiency import matrix_operations as operations
from emb_pipeline.efficiency.matrix_operations import (
    MATRIX_OPERATIONS,
    LeftOut,
    Operation,
    find_crossing,
    find_crossings,
    list_operations,
    time_operations,
)
from emb_pipeline.efficiency.matrix_options import MatrixOptions
from emb_pipeline.statistics.score_tables import make_table
from emb_pipeline.tasks.probes.softmax import fit_once

SMALL = MatrixOptions(n=(20, 2500), dims=(4,), densities=(0.1, 0.3), columns=50, batch=3, fit_rows=20, seconds=3)


@pytest.fixture(scope="module")
def listed() -> list[Operation | LeftOut]:
    return list(list_operations(SMALL, fit_once))


def find(listed: list[Operation | LeftOut], name: str, n: int = 2500) -> Operation:
    found = next(each for each in listed if each.name == name and each.n == n)
    assert isinstance(found, Operation)
    return found


def test_there_are_as_many_as_are_counted_in_the_order_of_rows(listed: list[Operation | LeftOut]) -> None:
    assert len(listed) == operations.count_operations(SMALL, has_fit=True)
    assert [each.n for each in listed] == sorted(each.n for each in listed)


def test_bytes_and_arithmetic_of_dense_products_by_hand(listed: list[Operation | LeftOut]) -> None:
    """2,500 rows of 4 numbers of 4 bytes, a query of 4, and 2,500 scores; three queries."""
    one, many = find(listed, operations.DENSE_ONE), find(listed, operations.DENSE_BATCH)
    assert (one.bytes, one.flops, one.bytes_per_row) == (4 * (2500 * 4 + 4 + 2500), 2 * 2500 * 4, 16)
    assert (many.bytes, many.flops) == (4 * (2500 * 4 + 3 * 4 + 3 * 2500), 2 * 2500 * 4 * 3)
    assert one.run().shape == (2500,) and many.run().shape == (2500, 3)


def test_bytes_of_sparse_products_are_those_of_their_arrays(listed: list[Operation | LeftOut]) -> None:
    """A value and a column of 4 bytes for each entry, and 4 bytes for the beginning of each row and the end."""
    one = find(listed, operations.SPARSE_ONE)
    entries = round(one.nonzeros * 2500)
    assert one.bytes == 8 * entries + 4 * 2501 + 4 * (50 + 2500) and one.flops == 2 * entries
    assert 1 <= one.nonzeros <= 5
    assert find(listed, operations.SPARSE_BATCH).run().shape == (2500, 3)
    assert find(listed, operations.SPARSE_SPARSE).run().shape == (2500, 1)


def test_a_row_by_its_number_is_the_product_with_a_one_hot_row(listed: list[Operation | LeftOut]) -> None:
    names = (operations.LOOKUP, operations.ONE_HOT, operations.DENSE_ONE_HOT)
    by_number, sparse, dense = (find(listed, name).run() for name in names)
    np.testing.assert_allclose(by_number, sparse)
    np.testing.assert_allclose(by_number, dense, rtol=1e-6)
    assert find(listed, operations.DENSE_ONE_HOT).bytes_per_row == 200 and find(listed, operations.ONE_HOT).flops == 20_000


def test_words_of_sparse_rows_are_as_frequent_as_words_are() -> None:
    """Of Zipf's law the commonest of 1,000 words is each seventh or so, and twice as frequent as the next."""
    drawn = np.bincount(operations.draw_columns(200_000, 1000, np.random.default_rng(0)), minlength=1000)
    assert len(drawn) == 1000 and drawn[0] / 200_000 == pytest.approx(np.log(2) / np.log(1001), rel=0.05)
    assert drawn[0] / drawn[1] == pytest.approx(np.log(2) / np.log(1.5), rel=0.05)


def test_every_operation_is_in_the_table_with_its_time_and_its_bound() -> None:
    table = time_operations(SMALL, fit_once)
    assert list(table.columns) == list(MATRIX_OPERATIONS)
    assert table["operation"].iloc[0] == operations.COPY and table["operation"].iloc[1] == operations.PRODUCT
    timed = table[table["note"] == ""]
    assert (timed["seconds_low"] <= timed["seconds"]).all() and (timed["seconds"] <= timed["seconds_high"]).all()
    assert {operations.DENSE_ONE, operations.SPARSE_ONE, operations.LOOKUP, operations.FIT_SPARSE} <= set(timed["operation"])
    bounds = operations.find_machine_bounds(table)
    row = timed[timed["operation"] == operations.DENSE_ONE].iloc[0]
    assert row["bound_seconds"] == pytest.approx(max(row["bytes"] / bounds["bandwidth"], row["flops"] / bounds["speed"]))


def test_what_is_left_out_is_listed_with_the_reason() -> None:
    table = time_operations(SMALL.model_copy(update={"megabytes": 0.1, "seconds": 0.05}))
    left_out = table[table["seconds"].isna()]
    assert left_out["note"].str.contains("MB are more than matrix_operations.megabytes").any()
    assert (left_out["note"] != "").all() and len(table) == 2 + operations.count_operations(SMALL, has_fit=False)
    assert time_operations(SMALL.model_copy(update={"seconds": 0.0})).empty


@pytest.mark.parametrize("wrong", [{"n": (100, 10)}, {"densities": (0.5, 2.0)}, {"dims": (0,)}, {"rows": (1,)}])
def test_sizes_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        MatrixOptions(**wrong)


def test_what_takes_long_is_timed_once() -> None:
    calls: list[int] = []
    found = operations.measure_repeats(lambda: calls.append(sum(range(200_000))), 1.0, most=1e-6)
    assert found["repeats"] == len(calls) == 1 and found["seconds_low"] == found["seconds_high"]


NONZEROS = np.array([3.0, 10, 30, 100, 300])


def spread(times: np.ndarray) -> np.ndarray:
    return np.column_stack([0.9 * times, times, 1.1 * times])


@pytest.mark.parametrize(
    ("curve", "level", "crossing"),
    [(lambda x: x, 50.0, 50.0), (lambda x: 2 * x**0.5, 20.0, 100.0), (lambda x: x**2, 225.0, 15.0)],
)
def test_a_planted_crossing_is_found(curve: Callable[[np.ndarray], np.ndarray], level: float, crossing: float) -> None:
    found = find_crossing(NONZEROS, spread(curve(NONZEROS)), spread(np.array([level]))[0])
    assert found.value == pytest.approx(crossing) and found.low < crossing < found.high


def test_a_noisy_curve_gives_a_crossing_near_the_planted_one() -> None:
    """Times with a spread of 10 %: nine of ten crossings are within a quarter."""
    rng = np.random.default_rng(0)
    noisy = [NONZEROS * np.exp(0.1 * rng.standard_normal(5)) for _ in range(100)]
    found = [find_crossing(NONZEROS, spread(times), spread(np.array([50.0]))[0]).value for times in noisy]
    assert np.mean(np.abs(np.log(np.array(found) / 50)) < np.log(1.25)) > 0.9


def test_without_a_crossing_it_is_said_on_which_side() -> None:
    times = spread(NONZEROS)
    assert find_crossing(NONZEROS, times, np.array([1.0, 1.0, 1.0])).value == 0
    assert find_crossing(NONZEROS, times, np.array([900.0, 900, 900])).value == np.inf


def test_crossings_are_of_each_number_of_rows_and_dimension() -> None:
    common = {"n": 1000, "batch": 1, "note": ""}
    rows = [
        {**common, "operation": operations.SPARSE_ONE, "columns": 50, "nonzeros": x} | dict.fromkeys(SECONDS, x / 1e3)
        for x in NONZEROS
    ]
    rows += [
        {**common, "operation": operations.DENSE_ONE, "columns": dim, "nonzeros": dim} | dict.fromkeys(SECONDS, dim / 4e3)
        for dim in (100, 400)
    ]
    found = find_crossings(make_table([{"repeats": 3, **row} for row in rows], MATRIX_OPERATIONS))
    assert {key: round(each.value) for key, each in found.items()} == {(1000, 100): 25, (1000, 400): 100}


SECONDS = ("seconds", "seconds_low", "seconds_high")
