"""Ten items for one user among very many, at once: exact search, HNSW and IVF over simulated factors, under load.

    python benchmarks/real_time_recommendation.py [--items 100000] [--users 10000] [--requests 2000] [--threads 2]
    python benchmarks/real_time_recommendation.py --items 1000000 --users 100000     # 1 GB, and minutes to build HNSW

Factors are drawn as a factorization leaves them: a few strong directions, and items whose length falls with their rank, as
popularity does (Zipf). Requests come from several threads; each is one user's vector, and is answered by the ten largest
dot products. Before each tenth one the user takes an item: the user's factor is solved for again (one step of implicit ALS,
as in ``embeddings/recommenders/als.py``), which is timed by itself. Milvus is not here: the stage ``measure`` times its
indexes on the passages of a task (docs/vector-search.md).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

import faiss
import numpy as np

from emb_pipeline.embeddings.ranking import largest

DIM, K, CLICK_EVERY = 64, 10, 10
Search = Callable[[np.ndarray], np.ndarray]


def draw_factors(n_items: int, n_users: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw vectors of items and users."""
    strength = np.arange(1, DIM + 1) ** -0.5
    items = rng.standard_normal((n_items, DIM), dtype=np.float32) * strength.astype(np.float32)
    items *= (np.arange(1, n_items + 1) ** -0.15).astype(np.float32)[:, None]
    users = rng.standard_normal((n_users, DIM), dtype=np.float32) * strength.astype(np.float32)
    return items, users


def create_searches(items: np.ndarray) -> dict[str, tuple[float, Search]]:
    """Build what answers one user: seconds that it took, and the function."""
    transposed = np.ascontiguousarray(items.T)
    searches: dict[str, tuple[float, Search]] = {"own, exact": (0.0, lambda user: largest(user[None] @ transposed, K)[0])}
    started = perf_counter()
    flat = faiss.IndexFlatIP(DIM)
    flat.add(items)
    searches["faiss, exact"] = (perf_counter() - started, _search(flat))
    started = perf_counter()
    n_lists = int(4 * len(items) ** 0.5)
    ivf = faiss.IndexIVFFlat(faiss.IndexFlatIP(DIM), DIM, n_lists, faiss.METRIC_INNER_PRODUCT)
    ivf.train(items[:: max(1, len(items) // (40 * n_lists))])
    ivf.add(items)
    built = perf_counter() - started
    for probes in (8, 32, 128):
        searches[f"IVF, {probes} of {n_lists} lists"] = (built, _search(ivf, faiss.SearchParametersIVF(nprobe=probes)))
    started = perf_counter()
    graph = faiss.IndexHNSWFlat(DIM, 16, faiss.METRIC_INNER_PRODUCT)
    graph.hnsw.efConstruction = 80
    graph.add(items)
    built = perf_counter() - started
    for ef in (16, 64, 256):
        searches[f"HNSW, ef {ef}"] = (built, _search(graph, faiss.SearchParametersHNSW(efSearch=ef)))
    return searches


def _search(index: faiss.Index, parameters: faiss.SearchParameters | None = None) -> Search:
    return lambda user: index.search(user[None], K, params=parameters)[1][0]


class Clicks:
    """Solves for a user's factor again after each item that is taken: one step of implicit ALS."""

    def __init__(self, items: np.ndarray, weight: float = 10.0, regularization: float = 1.0) -> None:
        self._items, self._weight = items, weight
        self._gram = (items.T @ items + regularization * np.eye(DIM)).astype(np.float64)

    def update(self, taken: np.ndarray) -> np.ndarray:
        """Give the factor of a user who took these items."""
        rows = self._items[taken].astype(np.float64)
        factor = np.linalg.solve(self._gram + self._weight * rows.T @ rows, (1 + self._weight) * rows.sum(axis=0))
        return factor.astype(np.float32)


def main() -> None:
    """Print a line per index."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("items", 100_000), ("users", 10_000), ("requests", 2_000), ("threads", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    faiss.omp_set_num_threads(given.threads)
    rng = np.random.default_rng(0)
    items, users = draw_factors(given.items, given.users, rng)
    searches = create_searches(items)
    faiss.omp_set_num_threads(1)
    asked = users[rng.integers(given.users, size=given.requests)]
    taken = rng.integers(given.items, size=(given.requests, 20))
    clicks = Clicks(items)
    right = [set(searches["faiss, exact"][1](user).tolist()) for user in asked[:300]]
    size = f"{DIM} dimensions, {items.nbytes >> 20} MiB"
    print(f"{given.items:,} items, {given.users:,} users, {size}, {given.threads} threads\n")
    print("| search | build s | recall@10 | p50 ms | p95 ms | p99 ms | requests/s |\n|---|---:|---:|---:|---:|---:|---:|")
    updates: list[float] = []
    for name, (built, search) in searches.items():
        answer = make_answer(search, asked, taken, clicks, updates)
        limit = max(100, given.requests // 10) if "exact" in name else given.requests
        search(asked[0])  # what is compiled or loaded once is not a request's
        started = perf_counter()
        with ThreadPoolExecutor(given.threads) as pool:
            times = list(pool.map(answer, range(min(limit, given.requests))))
        rate = len(times) / (perf_counter() - started)
        hits = np.mean([len(right[n] & set(search(asked[n]).tolist())) / K for n in range(len(right))])
        p50, p95, p99 = np.percentile(1000 * np.array(times), (50, 95, 99))
        print(f"| {name} | {built:.1f} | {hits:.3f} | {p50:.2f} | {p95:.2f} | {p99:.2f} | {rate:,.0f} |", flush=True)
    p50, p99 = np.percentile(1000 * np.array(updates), (50, 99))
    print(f"\nA click: the user's factor is solved for again in {p50:.2f} ms (p99 {p99:.2f} ms).")


def make_answer(
    search: Search, asked: np.ndarray, taken: np.ndarray, clicks: Clicks, updates: list[float]
) -> Callable[[int], float]:
    """Make what answers a request, after a click where one is due, and gives the seconds of the search."""

    def answer(number: int) -> float:
        user = asked[number]
        if number % CLICK_EVERY == 0:
            started = perf_counter()
            user = clicks.update(taken[number])
            updates.append(perf_counter() - started)
        started = perf_counter()
        search(user)
        return perf_counter() - started

    return answer


if __name__ == "__main__":
    main()
