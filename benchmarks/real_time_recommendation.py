"""Ten items for one user among very many, at once: exact search, IVF and HNSW, in faiss and in Milvus, under load.

    EMB_PIPELINE_MIRROR=<folder with the public data sets> python benchmarks/real_time_recommendation.py --only faiss
    ... --only exact --items 1000000 --users 100000        # each part by itself: exact, faiss, milvus
    MILVUS_URI=http://127.0.0.1:19530 ... --only milvus    # a server; without it, a file of Milvus Lite

Vectors are drawn as a factorization leaves them. ALS is fitted to MovieLens 100K. Directions are Gaussian with mean and
covariance of its factors, and lengths are distributed as theirs are. Requests come from several threads. Each is one
user's vector, and is answered by the ten largest dot products. Before each tenth one the user takes an item: the user's
factor is solved for again (one step of implicit ALS), and the request has the new one. That step is timed by itself.

Each part times faiss's exact search next to its own searches, for other work on a machine changes all times. The median
time of the processor does without it, but for a server's. A search is asked until all requests are answered, or for
``--seconds``. One index is in memory at a time.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from time import perf_counter, thread_time
from typing import Any, NamedTuple

import faiss
import numpy as np

from emb_pipeline.embeddings.ranking import largest
from emb_pipeline.embeddings.recommenders.als import Als
from emb_pipeline.embeddings.recommenders.options import AlsOptions
from emb_pipeline.tasks.recommendation.task import RecommendationTask
from emb_pipeline.tasks.registry import KINDS

PROJECT = Path(__file__).parents[1]
DIM, K, CLICK_EVERY, JUDGED, TAKEN = 64, 10, 10, 300, 20
LINKS, CANDIDATES = 16, 80
PROBES, EFS = (8, 32, 128), (16, 64, 256)
EXACT = "faiss, exact"


class Search(NamedTuple):
    """One way to find items: ``find`` gives the rows of the ten best for a vector of shape (dim,)."""

    name: str
    build_seconds: float
    find: Callable[[np.ndarray], np.ndarray]
    in_process: bool = True


class Measured(NamedTuple):
    """What requests to a search took: ``times`` and ``processor_times`` in seconds, the latter empty for a server."""

    name: str
    build_seconds: float
    recall: float
    times: np.ndarray
    processor_times: np.ndarray
    rate: float


def fit_factors() -> tuple[np.ndarray, np.ndarray]:
    """Fit factors of users and items to MovieLens 100K."""
    sys.path.insert(0, str(PROJECT / "benchmarks"))
    from published_figures import read_definition

    definition = read_definition("movies", "next_movie_100k")
    tables = (
        KINDS[definition.kind].create_reader().read(definition.source, PROJECT / "data/01_raw", PROJECT, definition.name)
    )
    task = RecommendationTask.from_tables(tables, definition.name)
    fitted = Als(AlsOptions(), DIM).fit(task.testing.learnt, {"regularisation": 1, "weight": 10})
    return fitted.users[np.linalg.norm(fitted.users, axis=1) > 0], fitted.items[np.linalg.norm(fitted.items, axis=1) > 0]


def draw_like(factors: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw vectors whose mean, covariance and lengths are those of some factors: shape (n, dim), float32."""
    mean = factors.mean(axis=0)
    spread = np.linalg.cholesky(np.cov(factors.T) + 1e-9 * np.eye(factors.shape[1])).astype(np.float32)
    drawn = rng.standard_normal((n, factors.shape[1]), dtype=np.float32) @ spread.T + mean
    lengths = np.linalg.norm(drawn, axis=1)
    wanted = np.empty(n, dtype=np.float32)
    wanted[np.argsort(lengths)] = np.quantile(np.linalg.norm(factors, axis=1), np.linspace(0, 1, n))
    drawn *= (wanted / lengths)[:, None]
    return drawn


def search_exactly(items: np.ndarray) -> Iterator[Search]:
    """Multiply by all items."""
    transposed = np.ascontiguousarray(items.T)
    yield Search("own, exact", 0.0, lambda user: largest(user[None] @ transposed, K)[0])


def search_flat(items: np.ndarray) -> Iterator[Search]:
    """Compare all items in faiss."""
    started = perf_counter()
    flat = faiss.IndexFlatIP(items.shape[1])
    flat.add(items)
    yield Search(EXACT, perf_counter() - started, _ask_faiss(flat))


def search_in_faiss(items: np.ndarray) -> Iterator[Search]:
    """Look into lists, and walk a graph."""
    started, dim, n_lists = perf_counter(), items.shape[1], count_lists(len(items))
    ivf = faiss.IndexIVFFlat(faiss.IndexFlatIP(dim), dim, n_lists, faiss.METRIC_INNER_PRODUCT)
    ivf.train(items[:: max(1, len(items) // (40 * n_lists))])
    ivf.add(items)
    built = perf_counter() - started
    for probes in PROBES:
        yield Search(
            f"faiss, IVF, {probes} of {n_lists} lists", built, _ask_faiss(ivf, faiss.SearchParametersIVF(nprobe=probes))
        )
    del ivf
    started = perf_counter()
    graph = faiss.IndexHNSWFlat(dim, LINKS, faiss.METRIC_INNER_PRODUCT)
    graph.hnsw.efConstruction = CANDIDATES
    graph.add(items)
    built = perf_counter() - started
    for ef in EFS:
        yield Search(f"faiss, HNSW, ef {ef}", built, _ask_faiss(graph, faiss.SearchParametersHNSW(efSearch=ef)))


def search_in_milvus(items: np.ndarray, folder: Path, indexes: tuple[str, ...]) -> Iterator[Search]:
    """Put the items into Milvus, and build one index after the other."""
    from emb_pipeline.datasets.milvus import MilvusVectorStoreHandle

    uri = os.environ.get("MILVUS_URI", "")
    name = "Milvus server" if uri else "Milvus Lite"
    store = MilvusVectorStoreHandle(uri or str(folder / "items.db"), "real_time_items", os.environ.get("MILVUS_TOKEN", ""))
    try:
        started = perf_counter()
        store.replace(list(map(str, range(len(items)))), items, [{}] * len(items), "dot")
        print(f"{name}: {len(items):,} items are put in in {perf_counter() - started:.0f} s", flush=True)
        n_lists = count_lists(len(items))
        settings: dict[str, tuple[dict[str, int], str, tuple[int, ...]]] = {
            "FLAT": ({}, "", (0,)),
            "IVF_FLAT": ({"nlist": n_lists}, "nprobe", PROBES),
            "HNSW": ({"M": LINKS, "efConstruction": CANDIDATES}, "ef", EFS),
        }
        for index in indexes:
            build, parameter, values = settings[index]
            started = perf_counter()
            store.build_index(index, build)
            built = perf_counter() - started
            for value in values:
                asked = {parameter: value} if parameter else {}
                shown = ", ".join([name, index, *(f"{key} {number}" for key, number in asked.items())])
                yield Search(shown, built, partial(_ask_milvus, store, asked), in_process=False)
        store.raw_client.drop_collection("real_time_items")
    finally:
        store.close()


def count_lists(n_items: int) -> int:
    """Count the lists of an IVF index: four times the square root of the number of items."""
    return int(4 * n_items**0.5)


def _ask_faiss(index: faiss.Index, parameters: faiss.SearchParameters | None = None) -> Callable[[np.ndarray], np.ndarray]:
    return lambda user: index.search(user[None], K, params=parameters)[1][0]


def _ask_milvus(store: Any, parameters: dict[str, int], user: np.ndarray) -> np.ndarray:
    return np.array([int(name) for name in store.find_nearest(user[None], K, parameters)[0]])


class Clicks:
    """Solves for a user's factor again after each item that is taken: one step of implicit ALS."""

    def __init__(self, items: np.ndarray, weight: float = 10.0, regularization: float = 1.0) -> None:
        self._items, self._weight = items, weight
        self._gram = (items.T @ items + regularization * np.eye(items.shape[1])).astype(np.float64)

    def update(self, taken: np.ndarray) -> np.ndarray:
        """Give the factor of a user who took these items."""
        rows = self._items[taken].astype(np.float64)
        factor = np.linalg.solve(self._gram + self._weight * rows.T @ rows, (1 + self._weight) * rows.sum(axis=0))
        return factor.astype(np.float32)


class Load:
    """Requests of several threads, some of them after a click.

    Parameters
    ----------
    asked : ndarray of shape (n_requests, dim), float32
        A user's vector for each.
    taken : ndarray of shape (n_requests, n_taken)
        The items that the user of a request has taken.
    clicks : Clicks
        What makes a new vector of them.
    """

    def __init__(self, asked: np.ndarray, taken: np.ndarray, clicks: Clicks) -> None:
        self._asked, self._taken, self._clicks = asked, taken, clicks
        self.updates: list[tuple[float, float]] = []

    def ask(self, search: Search, threads: int, seconds: float) -> tuple[np.ndarray, np.ndarray, float]:
        """Measure what each request takes by the clock and of the processor, and how many are answered in a second."""
        search.find(self._asked[0])  # what is compiled or loaded once is not a request's
        started = perf_counter()
        with ThreadPoolExecutor(threads) as pool:
            answer = partial(self._answer, search.find, started + seconds)
            times = [taken for taken in pool.map(answer, range(len(self._asked))) if taken is not None]
        clock, processor = np.array(times).T
        return clock, processor if search.in_process else np.zeros(0), len(times) / (perf_counter() - started)

    def _answer(self, find: Callable[[np.ndarray], np.ndarray], deadline: float, number: int) -> tuple[float, float] | None:
        if perf_counter() > deadline:
            return None
        user = self._asked[number]
        if number % CLICK_EVERY == 0:
            started = perf_counter(), thread_time()
            user = self._clicks.update(self._taken[number])
            self.updates.append((perf_counter() - started[0], thread_time() - started[1]))
        started = perf_counter(), thread_time()
        find(user)
        return perf_counter() - started[0], thread_time() - started[1]


def measure(factors: tuple[np.ndarray, np.ndarray], given: argparse.Namespace, folder: Path) -> Iterator[Measured]:
    """Measure exact search in faiss, then each search of a part, then what a click takes.

    Parameters
    ----------
    factors : tuple of ndarray of shape (n, dim)
        Users and items to draw others like.
    given : Namespace
        items, users, requests, threads, seconds, only, indexes.
    folder : Path
        For a database of Milvus Lite.
    """
    rng = np.random.default_rng(0)
    items, users = draw_like(factors[1], given.items, rng), draw_like(factors[0], given.users, rng)
    chosen = rng.integers(given.users, size=given.requests)
    load = Load(users[chosen], rng.integers(given.items, size=(given.requests, TAKEN)), Clicks(items))
    judged, right = users[chosen[:JUDGED]], list[set[int]]()
    parts: dict[str, Callable[[np.ndarray], Iterator[Search]]] = {
        "exact": search_exactly,
        "faiss": search_in_faiss,
        "milvus": partial(search_in_milvus, folder=folder, indexes=tuple(given.indexes)),
    }
    for part in (search_flat, parts[given.only]):
        for search in part(items):
            if not right:
                right += [set(search.find(user).tolist()) for user in judged]
            times, processor, rate = load.ask(search, given.threads, given.seconds)
            n_judged = len(right) if len(times) > len(right) else len(right) // 10
            pairs = zip(right[:n_judged], judged, strict=False)
            recall = np.mean([len(best & set(search.find(user).tolist())) / K for best, user in pairs])
            yield Measured(search.name, search.build_seconds, float(recall), times, processor, rate)
    clock, processor = np.array(load.updates).T
    yield Measured("a click", 0.0, float("nan"), clock, processor, float("nan"))


def main() -> None:
    """Print a line per search."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("items", 100_000), ("users", 10_000), ("requests", 2_000), ("threads", 2), ("seconds", 20)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--only", choices=("exact", "faiss", "milvus"), required=True)
    parser.add_argument("--indexes", nargs="+", choices=("FLAT", "IVF_FLAT", "HNSW"), default=["FLAT", "IVF_FLAT", "HNSW"])
    given = parser.parse_args()
    faiss.omp_set_num_threads(1)
    print(f"{given.items:,} items of {DIM} dimensions, {given.users:,} users, {given.threads} threads\n", flush=True)
    print("| search | build s | recall@10 | p50 ms | p95 ms | p99 ms | requests/s | of exact | processor ms |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|", flush=True)
    exact = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for each in measure(fit_factors(), given, Path(folder)):
            p50, p95, p99 = np.percentile(1000 * each.times, (50, 95, 99))
            exact = exact or p50
            processor = f"{1000 * np.median(each.processor_times):.2f}" if len(each.processor_times) else ""
            shown = f"{p50:.2f} | {p95:.2f} | {p99:.2f} | {each.rate:,.0f} | {p50 / exact:.3f} | {processor}"
            print(f"| {each.name} | {each.build_seconds:.1f} | {each.recall:.3f} | {shown} |", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"\nThe process had {peak:,} MiB at most.")


if __name__ == "__main__":
    main()
