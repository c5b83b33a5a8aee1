"""Times of dense and sparse matrix operations on this machine, next to what its memory and arithmetic allow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from time import thread_time
from typing import Any, Protocol

import numpy as np
import pandas as pd
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

from emb_pipeline.efficiency.matrix_options import MatrixOptions
from emb_pipeline.statistics.score_tables import make_table

DENSE_ONE, DENSE_BATCH = "dense, one query", "dense, many queries"
SPARSE_ONE, SPARSE_BATCH, SPARSE_SPARSE = "sparse, one query", "sparse, many queries", "sparse, one sparse query"
LOOKUP, ONE_HOT, DENSE_ONE_HOT = "rows by number", "sparse one-hot product", "dense one-hot product"
FIT_DENSE, FIT_SPARSE = "probe fit, dense", "probe fit, sparse"
COPY, PRODUCT = "memory copy", "product of large matrices"
MATRIX_OPERATIONS = {
    "operation": "string",
    **dict.fromkeys(("n", "columns"), "int64"),
    "nonzeros": "float64",
    "batch": "int64",
    **dict.fromkeys(("seconds", "seconds_low", "seconds_high"), "float64"),
    "repeats": "int64",
    **dict.fromkeys(("bytes", "flops", "bound_seconds"), "float64"),
    "bytes_per_row": "float64",
    "note": "string",
}
"""Columns of the table of operations. ``nonzeros``: of a row. ``seconds``: processor time of the one thread, which
leaves out what else the machine does: the median of the repeats, with their quartiles.
``bytes``: what must be read and written at least; ``flops``: additions and multiplications. ``bound_seconds``: what these
take at the bandwidth of the copy and the speed of the large product; arrays in a cache can be faster. ``bytes_per_row``:
memory of a row of the matrix. ``note``: why an operation was not timed."""
FIT_CLASSES = 10
"""Classes of the rows that a probe is fitted to: the ``batch`` of a fit."""
FEWEST_REPEATS, MOST_REPEATS = 3, 50
_BLOCK_ROWS = 1_000
_LARGE = 1_024
_MEGABYTE = 1e6
_LARGEST_SHARE = 0.1
"""Of all the time, that one operation may take; one that would take more is left out."""


class Fit(Protocol):
    """Fits a probe."""

    def __call__(self, features: Any, codes: np.ndarray) -> object:
        """Fit on rows and the class codes of each."""


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation on matrices of one size.

    Attributes
    ----------
    name : str
        What is done.
    n, columns, batch : int
        Rows and columns of the matrix, and queries.
    nonzeros : float
        Entries of a row that are not zero.
    bytes, flops, bytes_per_row : float
        As in `MATRIX_OPERATIONS`.
    run : callable
        Does it once, and gives the result.
    """

    name: str
    n: int
    columns: int
    nonzeros: float
    batch: int
    bytes: float
    flops: float
    bytes_per_row: float
    run: Callable[[], Any]


@dataclass(frozen=True)
class LeftOut:
    """An operation that is not done, and why."""

    name: str
    n: int
    columns: int
    nonzeros: float
    note: str


def time_operations(options: MatrixOptions, fit: Fit | None = None, seed: int = 0) -> pd.DataFrame:
    """Time matrix operations over numbers of rows, dimensions and densities, on one thread.

    Parameters
    ----------
    options : MatrixOptions
        Sizes and time.
    fit : Fit, optional
        Fits a probe; without it no fit is timed.
    seed : int
        Of the matrices.

    Returns
    -------
    DataFrame of `MATRIX_OPERATIONS`
        The first two rows are the machine's: a copy of memory as STREAM does it [1]_, and a product of large matrices.

    References
    ----------
    .. [1] McCalpin (1995), Memory bandwidth and machine balance in current high performance computers, IEEE TCCA.
    """
    if not options.seconds:
        return make_table([], MATRIX_OPERATIONS)
    with threadpool_limits(1):
        return make_table(list(_time_all(options, fit, seed)), MATRIX_OPERATIONS)


def _time_all(options: MatrixOptions, fit: Fit | None, seed: int) -> Iterator[dict[str, object]]:
    started = thread_time()
    machine = list(measure_machine(options))
    yield from machine
    if fit is not None:  # what is imported and compiled by the first fit is not a part of it
        rows = draw_sparse_rows(FIT_CLASSES, FIT_CLASSES, 2, np.random.default_rng(seed))
        fit(rows, np.arange(FIT_CLASSES))
        fit(rows.toarray(), np.arange(FIT_CLASSES))
    bandwidth, speed = machine[0]["bytes"] / machine[0]["seconds"], machine[1]["flops"] / machine[1]["seconds"]
    left = count_operations(options, fit is not None)
    per_row: dict[tuple[str, int, int], float] = {}
    for each in list_operations(options, fit, seed):
        left -= 1
        key = (each.name, each.columns, round(each.nonzeros))
        remaining = options.seconds - (thread_time() - started)
        note = each.note if isinstance(each, LeftOut) else ""
        if not note and remaining <= 0:
            note = f"the {options.seconds:g} seconds of matrix_operations were used up"
        if not note and FEWEST_REPEATS * _predict(each, per_row.get(key, 0.0), speed) > _LARGEST_SHARE * options.seconds:
            note = f"it would take more than a tenth of the {options.seconds:g} seconds of matrix_operations"
        size = {"operation": each.name, "n": each.n, "columns": each.columns, "nonzeros": each.nonzeros}
        if note or isinstance(each, LeftOut):
            yield {**size, "batch": 0, "repeats": 0, "note": note}
            continue
        times = measure_repeats(each.run, remaining / (left + 1), most=_LARGEST_SHARE * options.seconds)
        per_row[key] = times["seconds"] / each.n
        bound = max(each.bytes / bandwidth, each.flops / speed)
        of_cost = {"bytes": each.bytes, "flops": each.flops, "bytes_per_row": each.bytes_per_row}
        yield {**size, "batch": each.batch, **times, **of_cost, "bound_seconds": bound, "note": ""}


def _predict(each: Operation | LeftOut, per_row: float, speed: float) -> float:
    """Predict the seconds of an operation from those of fewer rows, and from its arithmetic."""
    flops = getattr(each, "flops", 0.0)
    return max(per_row * each.n, 0.0 if np.isnan(flops) else flops / speed)


def measure_machine(options: MatrixOptions) -> Iterator[dict[str, Any]]:
    """Measure the bandwidth of memory and the speed of arithmetic of one thread."""
    n = int(min(64 * _MEGABYTE, options.megabytes * _MEGABYTE)) // 4
    source, target = np.ones(n, dtype=np.float32), np.empty(n, dtype=np.float32)
    left = np.ones((_LARGE, _LARGE), dtype=np.float32)
    shared = {"batch": 0, "nonzeros": float("nan"), "note": "", "bound_seconds": float("nan")}
    budget = _LARGEST_SHARE / 2 * options.seconds
    copied = measure_repeats(lambda: np.copyto(target, source), budget)
    yield {**shared, "operation": COPY, "n": n, "columns": 1, **copied, "bytes": 8.0 * n, "flops": 0.0}
    multiplied = measure_repeats(lambda: left @ left, budget)
    of_product = {"n": _LARGE, "columns": _LARGE, "bytes": 12.0 * _LARGE**2, "flops": 2.0 * _LARGE**3}
    yield {**shared, "operation": PRODUCT, **of_product, **multiplied}


def measure_repeats(run: Callable[[], Any], seconds: float, most: float = np.inf) -> dict[str, Any]:
    """Time an operation again and again, after one that does not count: median, quartiles and number of repeats.

    Where the fewest repeats would take more than ``most`` seconds, the first time is all there is.
    """
    started = thread_time()
    run()
    once = max(thread_time() - started, 1e-9)
    times = [once]
    if FEWEST_REPEATS * once <= most:
        n_repeats = int(np.clip(seconds / once, FEWEST_REPEATS, MOST_REPEATS))
        times = [_time_once(run) for _ in range(n_repeats)]
    low, median, high = np.quantile(times, [0.25, 0.5, 0.75]).tolist()
    return {"seconds": median, "seconds_low": low, "seconds_high": high, "repeats": len(times)}


def _time_once(run: Callable[[], Any]) -> float:
    started = thread_time()
    run()
    return thread_time() - started


def count_operations(options: MatrixOptions, has_fit: bool) -> int:
    """Count the operations that `list_operations` yields for all numbers of rows, those that are left out, too."""
    of_dims, of_densities = len(options.dims), len(options.densities)
    fits = sum(n <= options.fit_rows for n in options.n) if has_fit else 0
    return len(options.n) * (5 * of_dims + 3 * of_densities) + fits * (of_dims + of_densities)


def list_operations(options: MatrixOptions, fit: Fit | None = None, seed: int = 0) -> Iterator[Operation | LeftOut]:
    """Yield the operations, each ready to run, by number of rows; those of a probe's fit come first.

    A matrix is made when its first operation is due.
    """
    rng = np.random.default_rng(seed)
    for n in options.n:
        if fit is not None and n <= options.fit_rows:
            yield from _list_fits(n, options, fit, rng)
        for dim in options.dims:
            yield from _list_dense(n, dim, options, rng)
        for density in options.densities:
            yield from _list_sparse(n, density, options, rng)
        for dim in options.dims:
            yield from _list_lookups(n, dim, options, rng)


def _list_fits(n: int, options: MatrixOptions, fit: Fit, rng: np.random.Generator) -> Iterator[Operation | LeftOut]:
    """Fit to classes that weights drawn at random give the rows."""
    for dim in options.dims:
        if too_large := _explain_size(4.0 * n * dim, options):
            yield LeftOut(FIT_DENSE, n, dim, dim, too_large)
            continue
        rows = rng.standard_normal((n, dim), dtype=np.float32)
        yield _make_fit(FIT_DENSE, rows, dim, 4.0 * dim, fit, rng)
    for density in options.densities:
        wanted = max(round(density * options.columns), 1)
        if too_large := _explain_size(8.0 * n * wanted, options):
            yield LeftOut(FIT_SPARSE, n, options.columns, wanted, too_large)
            continue
        sparse = draw_sparse_rows(n, options.columns, wanted, rng)
        yield _make_fit(FIT_SPARSE, sparse, sparse.nnz / n, count_sparse_bytes(sparse) / n, fit, rng)


def _make_fit(name: str, rows: Any, nonzeros: float, bytes_per_row: float, fit: Fit, rng: np.random.Generator) -> Operation:
    n, columns = rows.shape
    codes = np.asarray(rows @ rng.standard_normal((columns, FIT_CLASSES), dtype=np.float32)).argmax(axis=1)
    unknown = float("nan")
    return Operation(name, n, columns, nonzeros, FIT_CLASSES, unknown, unknown, bytes_per_row, lambda: fit(rows, codes))


def _list_dense(n: int, dim: int, options: MatrixOptions, rng: np.random.Generator) -> Iterator[Operation | LeftOut]:
    size = 4.0 * n * dim
    if too_large := _explain_size(size, options):
        yield from (LeftOut(name, n, dim, dim, too_large) for name in (DENSE_ONE, DENSE_BATCH))
        return
    rows, batch = _repeat_rows(rng.standard_normal((min(n, _BLOCK_ROWS), dim), dtype=np.float32), n), options.batch
    one, many = (rng.standard_normal(shape, dtype=np.float32) for shape in ((dim,), (dim, batch)))
    yield Operation(DENSE_ONE, n, dim, dim, 1, size + 4.0 * (dim + n), 2.0 * n * dim, 4.0 * dim, lambda: rows @ one)
    moved = size + 4.0 * batch * (dim + n)
    yield Operation(DENSE_BATCH, n, dim, dim, batch, moved, 2.0 * n * dim * batch, 4.0 * dim, lambda: rows @ many)


def _list_sparse(n: int, density: float, options: MatrixOptions, rng: np.random.Generator) -> Iterator[Operation | LeftOut]:
    names = (SPARSE_ONE, SPARSE_BATCH, SPARSE_SPARSE)
    wanted, columns, batch = max(round(density * options.columns), 1), options.columns, options.batch
    if too_large := _explain_size(8.0 * n * wanted, options):
        yield from (LeftOut(name, n, columns, wanted, too_large) for name in names)
        return
    block = draw_sparse_rows(min(n, _BLOCK_ROWS), columns, wanted, rng)
    rows = _repeat_sparse_rows(block, n)
    nonzeros, size = rows.nnz / n, count_sparse_bytes(rows)
    one, many = (rng.standard_normal(shape, dtype=np.float32) for shape in ((columns,), (columns, batch)))
    query = sp.csc_array(block[:1].T)
    common = (n, columns, nonzeros)
    per_row = size / n
    yield Operation(SPARSE_ONE, *common, 1, size + 4.0 * (columns + n), 2.0 * rows.nnz, per_row, lambda: rows @ one)
    moved = size + 4.0 * batch * (columns + n)
    yield Operation(SPARSE_BATCH, *common, batch, moved, 2.0 * rows.nnz * batch, per_row, lambda: rows @ many)
    yield Operation(SPARSE_SPARSE, *common, 1, size, 2.0 * rows.nnz, per_row, lambda: rows @ query)


def _list_lookups(n: int, dim: int, options: MatrixOptions, rng: np.random.Generator) -> Iterator[Operation | LeftOut]:
    columns = options.columns
    if too_large := _explain_size(4.0 * max(n, columns) * dim, options):
        yield from (LeftOut(name, n, dim, 1, too_large) for name in (LOOKUP, ONE_HOT, DENSE_ONE_HOT))
        return
    table = rng.standard_normal((columns, dim), dtype=np.float32)
    numbers = draw_columns(n, columns, rng)
    one_hot = sp.csr_array((np.ones(n, dtype=np.float32), numbers.astype(np.int32), np.arange(n + 1, dtype=np.int32)))
    one_hot.resize((n, columns))
    moved, out = 4.0 * n * dim, 4.0 * n * dim
    yield Operation(LOOKUP, n, dim, 1, 1, 8.0 * n + moved + out, 0.0, 8.0, lambda: table[numbers])
    size = count_sparse_bytes(one_hot)
    yield Operation(ONE_HOT, n, dim, 1, 1, size + moved + out, 2.0 * n * dim, size / n, lambda: one_hot @ table)
    dense_size = 4.0 * n * columns
    if too_large := _explain_size(dense_size, options):
        yield LeftOut(DENSE_ONE_HOT, n, dim, 1, too_large)
        return
    whole = one_hot.toarray()
    flops = 2.0 * n * columns * dim
    moved = dense_size + table.nbytes + out
    yield Operation(DENSE_ONE_HOT, n, dim, 1, 1, moved, flops, 4.0 * columns, lambda: whole @ table)


def _explain_size(size: float, options: MatrixOptions) -> str:
    megabytes = size / _MEGABYTE
    if megabytes <= options.megabytes:
        return ""
    return f"{megabytes:,.0f} MB are more than matrix_operations.megabytes, {options.megabytes:,.0f}"


def draw_columns(n: int, columns: int, rng: np.random.Generator) -> np.ndarray:
    """Draw columns as words occur: the r-th commonest with a probability of about 1 / r (Zipf)."""
    return np.minimum((columns + 1.0) ** rng.random(n), columns).astype(np.int64) - 1


def draw_sparse_rows(n: int, columns: int, nonzeros: int, rng: np.random.Generator) -> sp.csr_array:
    """Draw rows like those of TF-IDF: so many words of each text are drawn, and one that is drawn twice counts once."""
    drawn = draw_columns(n * nonzeros, columns, rng)
    owners = np.repeat(np.arange(n), nonzeros)
    rows = sp.csr_array((rng.random(n * nonzeros, dtype=np.float32), (owners, drawn)), shape=(n, columns))
    rows.sum_duplicates()
    rows.indices, rows.indptr = rows.indices.astype(np.int32), rows.indptr.astype(np.int64)
    return rows


def count_sparse_bytes(rows: sp.csr_array) -> float:
    """Count the bytes of a sparse matrix: values, columns, and where each row begins."""
    return float(rows.data.nbytes + rows.indices.nbytes + rows.indptr.nbytes)


def _repeat_rows(block: np.ndarray, n: int) -> np.ndarray:
    return np.ascontiguousarray(np.resize(block, (n, block.shape[1])))


def _repeat_sparse_rows(block: sp.csr_array, n: int) -> sp.csr_array:
    times, rest = divmod(n, block.shape[0])
    parts = [(block.data, block.indices, np.diff(block.indptr))] * times
    if rest:
        some = block[:rest]
        parts.append((some.data, some.indices, np.diff(some.indptr)))
    data, indices, lengths = (np.concatenate(each) for each in zip(*parts, strict=True))
    starts = np.r_[0, np.cumsum(lengths)]
    # scipy copies both if their types differ, and 32 bits hold what matrices of these sizes need.
    kind = np.int32 if starts[-1] < np.iinfo(np.int32).max else np.int64
    return sp.csr_array((data, indices.astype(kind), starts.astype(kind)), shape=(n, block.shape[1]))


@dataclass(frozen=True)
class Crossing:
    """Number of nonzeros of a sparse row from which a dense one is cheaper.

    Attributes
    ----------
    value, low, high : float
        With the ends that the spread of the times allows; 0 where dense is cheaper from the fewest that were timed, infinite
        where it is not even with the most.
    """

    value: float
    low: float
    high: float


def find_crossing(nonzeros: np.ndarray, sparse: np.ndarray, dense: np.ndarray) -> Crossing:
    """Find where the time of sparse rows, which rises with their nonzeros, reaches that of dense ones.

    Times are brought into a rising order (isotonic regression of their logarithms), and interpolated on logarithmic scales.

    Parameters
    ----------
    nonzeros : ndarray of shape (n_points,)
        Of a row, ascending.
    sparse : ndarray of shape (n_points, 3)
        Lower quartile, median and upper quartile of the times.
    dense : ndarray of shape (3,)
        The same of the dense rows.
    """
    return Crossing(
        _cross(nonzeros, sparse[:, 1], dense[1]),
        _cross(nonzeros, sparse[:, 2], dense[0]),
        _cross(nonzeros, sparse[:, 0], dense[2]),
    )


def _cross(nonzeros: np.ndarray, times: np.ndarray, level: float) -> float:
    from scipy.optimize import isotonic_regression

    rising = isotonic_regression(np.log(times)).x
    wanted = np.log(level)
    if wanted <= rising[0]:
        return 0.0
    if wanted > rising[-1]:
        return float("inf")
    after = int(np.searchsorted(rising, wanted, side="left"))
    share = (wanted - rising[after - 1]) / (rising[after] - rising[after - 1])
    places = np.log(nonzeros)
    return float(np.exp(places[after - 1] + share * (places[after] - places[after - 1])))


def find_crossings(table: pd.DataFrame, sparse: str = SPARSE_ONE, dense: str = DENSE_ONE) -> dict[tuple[int, int], Crossing]:
    """Find the crossing for each number of rows and dimension that both operations were timed at.

    Parameters
    ----------
    table : DataFrame of `MATRIX_OPERATIONS`
    sparse, dense : str
        The operations.
    """
    timed = table[table["seconds"].notna()]
    columns = ["seconds_low", "seconds", "seconds_high"]
    found = {}
    for row in timed[timed["operation"] == dense].to_dict("records"):
        points = timed[(timed["operation"] == sparse) & (timed["n"] == row["n"])].sort_values("nonzeros")
        if len(points) > 1:
            of_dense = np.array([float(row[name]) for name in columns])
            key = int(row["n"]), int(row["columns"])
            found[key] = find_crossing(points["nonzeros"].to_numpy(), points[columns].to_numpy(dtype=float), of_dense)
    return found


def find_machine_bounds(table: pd.DataFrame) -> Mapping[str, float]:
    """Find the bytes a second of the copy, and the operations a second of the large product."""
    row_of = {str(row["operation"]): row for row in table.to_dict("records")}
    return {
        "bandwidth": float(row_of[COPY]["bytes"]) / float(row_of[COPY]["seconds"]),
        "speed": float(row_of[PRODUCT]["flops"]) / float(row_of[PRODUCT]["seconds"]),
    }
