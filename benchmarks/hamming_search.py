"""Search by Hamming distance with rescoring beside the exact matrix product, in one run and on one thread.

    python benchmarks/hamming_search.py [--vectors 100000] [--dim 384]
    python benchmarks/hamming_search.py --kernels    faiss's binary index beside numpy, from 1,000 to 1,000,000 vectors

Vectors are drawn around centres, to one side of the origin, and queries are vectors with noise added. All systems answer the
same queries in turns, so that what else the machine does meets all alike: medians of single queries, and of all at once.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from time import perf_counter, process_time

import numpy as np
from threadpoolctl import threadpool_limits

from emb_pipeline.efficiency.sign_bits import SignBits, build_index
from emb_pipeline.embeddings.encodings.vectors import unit_length
from emb_pipeline.embeddings.retrieval.exact_search import find_nearest

K = 10


def main() -> None:
    """Print recall, milliseconds, queries a second and bytes, and how many times as fast as the matrix product each is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--candidates", type=int, nargs="+", default=[10, 40, 100, 200, 1000])
    parser.add_argument("--kernels", action="store_true", help="candidates alone, by faiss and by numpy")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000], help="of --kernels")
    arguments = parser.parse_args()
    if arguments.kernels:
        with threadpool_limits(1):
            compare_kernels(arguments.sizes, max(arguments.rounds, 5))
        return
    passages, queries = synthetic(arguments.vectors, arguments.dim, arguments.queries)
    columns = passages.T
    wanted = find_nearest(queries, columns, K)
    whole, integers = SignBits.of(passages), SignBits.of(passages, "int8")
    systems: dict[str, tuple[Callable[[np.ndarray], np.ndarray], float, float]] = {
        "exact: product and ten best": (lambda query: find_nearest(query, columns, K), 0, 4 * arguments.dim),
        "of which the product": (lambda query: query @ columns, 0, 4 * arguments.dim),
    }
    for name, index in (("float32", whole), ("int8", integers)):
        for n in arguments.candidates:
            serve = searching(index, n)
            systems[f"{n} candidates, {name}"] = (serve, bits(index), index.bytes_per_item)
    with threadpool_limits(1):
        single, rate = timed({name: serve for name, (serve, _, _) in systems.items()}, queries, arguments.rounds)
    exact = next(iter(systems))
    print(
        f"{arguments.vectors:,} vectors of {arguments.dim} numbers, {len(queries)} queries, "
        f"{arguments.rounds} rounds, one thread"
    )
    print(f"{'':28} recall@{K}  ms a query   ratio  queries/s   ratio  bytes searched + stored")
    for name, (serve, searched, stored) in systems.items():
        found = serve(queries)
        recall = f"{hits(found, wanted):9.3f}" if found.shape == wanted.shape else f"{'':9}"
        many = f"{rate[name]:11,.0f} {rate[name] / rate[exact]:6.2f}"
        size = f"{searched:6.0f} + {stored:.0f}"
        print(f"{name:28} {recall} {single[name]:11.3f} {single[exact] / single[name]:7.2f} {many} {size}")


def synthetic(n: int, dim: int, n_queries: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors around a centre for each fifty of them, all with something in common, and queries near some of them."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((max(n // 50, 1), dim), dtype=np.float32)
    common = rng.standard_normal(dim, dtype=np.float32)
    vectors = centres[rng.integers(len(centres), size=n)] + common
    vectors += rng.standard_normal((n, dim), dtype=np.float32)
    queries = vectors[rng.permutation(n)[:n_queries]]
    queries = queries + rng.standard_normal(queries.shape, dtype=np.float32)
    return unit_length(vectors), unit_length(queries)


def searching(index: SignBits, candidates: int) -> Callable[[np.ndarray], np.ndarray]:
    """A search of an index with so many candidates."""
    return lambda queries: index.find_nearest(queries, K, candidates)


def bits(index: SignBits) -> float:
    """Bytes of a vector's bits."""
    return float(index.index.code_size)


def hits(found: np.ndarray, wanted: np.ndarray) -> float:
    """Share of the wanted rows that were found."""
    return float(np.mean([len(np.intersect1d(*rows)) / K for rows in zip(found, wanted, strict=True)]))


def timed(
    systems: dict[str, Callable[[np.ndarray], np.ndarray]], queries: np.ndarray, rounds: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Median milliseconds of a single query, and queries a second of all in one call (median round)."""
    single: dict[str, list[float]] = {name: [] for name in systems}
    together: dict[str, list[float]] = {name: [] for name in systems}
    for _ in range(rounds):
        for name, serve in systems.items():
            serve(queries[:1])
            for row in range(len(queries)):
                started = perf_counter()
                serve(queries[row : row + 1])
                single[name].append(perf_counter() - started)
            started = perf_counter()
            serve(queries)
            together[name].append(perf_counter() - started)
    return (
        {name: 1000 * float(np.median(each)) for name, each in single.items()},
        {name: len(queries) / float(np.median(each)) for name, each in together.items()},
    )


def compare_kernels(sizes: list[int], rounds: int, candidates: int = 40) -> None:
    """Print milliseconds of the processor that a query's candidates take by faiss and by numpy, in turns."""
    print(f"{candidates} candidates, one thread, median of {rounds} queries, processor time")
    print(f"{'vectors':>9} {'bits':>5} {'numpy ms':>9} {'faiss ms':>9} {'ratio':>6}  same candidates")
    rng = np.random.default_rng(0)
    for n in sizes:
        for dim in (256, 384, 768, 1024):
            codes = rng.integers(256, size=(n, dim // 8), dtype=np.uint8)
            queries = rng.integers(256, size=(rounds, dim // 8), dtype=np.uint8)
            words = np.ascontiguousarray(codes.view(np.uint64).T)
            index = build_index(np.unpackbits(codes, axis=1).astype(bool))
            seconds: dict[str, list[float]] = {"numpy": [], "faiss": []}
            same = True
            for query in queries:
                started = process_time()
                by_numpy = numpy_candidates(words, query.view(np.uint64), candidates)
                seconds["numpy"].append(process_time() - started)
                started = process_time()
                by_faiss = index.search(query[None], candidates)[1][0]
                seconds["faiss"].append(process_time() - started)
                same &= np.array_equal(by_numpy, np.sort(by_faiss))
            numpy_ms, faiss_ms = (1000 * float(np.median(seconds[name])) for name in ("numpy", "faiss"))
            print(f"{n:9,} {dim:5} {numpy_ms:9.3f} {faiss_ms:9.3f} {numpy_ms / faiss_ms:6.1f}  {same}", flush=True)


def numpy_candidates(words: np.ndarray, query: np.ndarray, n: int) -> np.ndarray:
    """Rows of the ``n`` nearest, of equal distances the first: a count of bits for each 64, and counts of distances."""
    distances = np.zeros(words.shape[1], dtype=np.uint16)
    for word_of_each, word in zip(words, query, strict=True):
        distances += np.bitwise_count(word_of_each ^ word)
    radius = np.searchsorted(np.cumsum(np.bincount(distances)), n)
    rows = np.flatnonzero(distances <= radius)
    at_radius = np.flatnonzero(distances[rows] == radius)
    return np.delete(rows, at_radius[len(at_radius) - (len(rows) - n) :])


if __name__ == "__main__":
    main()
