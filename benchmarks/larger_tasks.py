"""Time and memory of tasks that are a hundred times larger: classification, retrieval, recommendation, entities.

Data are drawn. Each step is a process of its own (`benchmarks/measured.py`); one and the same step at several sizes shows
whether it grows as its size does.

    python benchmarks/larger_tasks.py dense --sizes 20000 40000          # texts with eight classes
    python benchmarks/larger_tasks.py sparse --sizes 20000 40000
    python benchmarks/larger_tasks.py retrieval --sizes 100000 1000000   # passages on disk, 1,000 queries, 128 dimensions
    python benchmarks/larger_tasks.py retrieval --sizes 10000000 --queries 10000 --dim 64
    python benchmarks/larger_tasks.py inverted_lists --sizes 1000000     # faiss, and the share of passages that it finds
    python benchmarks/larger_tasks.py item_knn --sizes 100000 1000000    # interactions; a tenth as many items, up to 100,000
    python benchmarks/larger_tasks.py entities --sizes 2000 4000         # sentences
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from emb_pipeline.embeddings import factory
from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.text.texts import Texts
from measured import measure_step

N_CLASSES, N_WORDS, WORDS_PER_TEXT = 8, 30_000, 30
RECOMMENDERS = ("popularity", "item_knn", "als", "bpr", "ease")


def draw_texts(n: int, codes: np.ndarray) -> list[str]:
    """Draw texts of a law of frequencies, in which a third of the words tells the class."""
    rng = np.random.default_rng(0)
    shares = np.cumsum(1 / np.arange(1, N_WORDS + 1))
    ranks = np.searchsorted(shares, rng.random((n, WORDS_PER_TEXT)) * shares[-1])
    tells = rng.random((n, WORDS_PER_TEXT)) < 0.05
    ranks = np.where(tells, N_WORDS + codes[:, None] * 50 + rng.integers(0, 50, ranks.shape), ranks)
    return [" ".join(f"w{rank}" for rank in row) for row in ranks.tolist()]


def classify(n: int, method: str) -> str:
    """Evaluate random or TF-IDF vectors, with a fifth of the texts tested."""
    from emb_pipeline.tasks.classification.evaluate import evaluate_classification
    from emb_pipeline.tasks.classification.options import ClassificationOptions
    from emb_pipeline.tasks.classification.task import ClassificationTask

    codes = np.random.default_rng(1).integers(0, N_CLASSES, n)
    split = np.where(np.arange(n) % 5 == 0, "test", "train")
    ids = np.array([f"d{row}" for row in range(n)])
    task = ClassificationTask("large", ids, Texts(draw_texts(n, codes)), np.array([f"c{code}" for code in codes]), split)
    dim = 100 if method == "random" else None
    encoder: Any = factory.build_encoder(method, METHODS[method].options(), dim=dim)
    found = evaluate_classification(task, encoder, ClassificationOptions(), seed=0)
    return (
        f"accuracy {found.metrics['accuracy']:.3f}; encoding {found.encode_seconds:.1f} s, probe {found.fit_seconds:.1f} s"
    )


def draw_passages(n: int, dim: int, folder: Path, n_queries: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw passages, on disk, and queries: around 2,000 topics, with directions that matter less and less."""
    rng = np.random.default_rng(0)
    shares = np.arange(1, dim + 1, dtype=np.float32) ** np.float32(-0.5)
    topics = rng.standard_normal((2_000, dim), dtype=np.float32)

    def draw(n_rows: int) -> np.ndarray:
        own = rng.standard_normal((n_rows, dim), dtype=np.float32)
        return (topics[rng.integers(0, len(topics), n_rows)] + own) * shares

    passages = np.memmap(folder / "passages", np.float32, "w+", shape=(n, dim))
    for start in range(0, n, 50_000):
        passages[start : start + 50_000] = draw(len(passages[start : start + 50_000]))
    return passages, draw(n_queries)


def retrieve(n: int, dim: int, n_queries: int, folder: Path) -> str:
    """Search passages on disk."""
    from emb_pipeline.embeddings.encodings.vectors import unit_length
    from emb_pipeline.embeddings.retrieval.exact_search import find_top_k

    passages, queries = draw_passages(n, dim, folder, n_queries)
    started = time.process_time()
    found = find_top_k(unit_length(queries), unit_length(passages), 100)
    return f"{found.shape}; search {time.process_time() - started:.0f} processor s"


def retrieve_roughly(n: int, dim: int, n_queries: int, folder: Path) -> str:
    """Search the same passages by faiss's inverted lists, and compare the best 10 with those of exact search."""
    import faiss

    from emb_pipeline.embeddings.encodings.vectors import unit_length
    from emb_pipeline.embeddings.retrieval.exact_search import find_top_k

    faiss.omp_set_num_threads(1)
    passages, queries = (unit_length(vectors) for vectors in draw_passages(n, dim, folder, n_queries))
    exact = find_top_k(queries, passages, 10)
    n_lists = int(2 ** round(np.log2(n**0.5)))
    started = time.process_time()
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(dim), dim, n_lists, faiss.METRIC_INNER_PRODUCT)
    index.train(np.ascontiguousarray(passages[:: max(1, n // (40 * n_lists))]))
    for start in range(0, n, 100_000):
        index.add(np.ascontiguousarray(passages[start : start + 100_000]))
    said = [f"{n_lists:,} lists, built in {time.process_time() - started:.0f} processor s"]
    for n_probed in (4, 16, 64):
        index.nprobe, started = n_probed, time.process_time()
        _, near = index.search(queries, 10)
        took = (time.process_time() - started) / n_queries
        share = np.mean([len(np.intersect1d(*pair)) / 10 for pair in zip(exact, near, strict=True)])
        said.append(f"{n_probed} of them: {share:.3f} of the best 10, {1000 * took:.2f} ms a query")
    return "; ".join(said)


def recommend(n: int, method: str) -> str:
    """Fit one setting to interactions, and rank what 2,000 users took last."""
    from emb_pipeline.embeddings.recommenders.interactions import Interactions
    from emb_pipeline.tasks.recommendation.evaluate import OnWarmItems, choose_setting
    from emb_pipeline.tasks.recommendation.options import RecommendationOptions
    from emb_pipeline.tasks.recommendation.task import RecommendationTask

    rng = np.random.default_rng(0)
    n_items, n_users = min(n // 10, 100_000), n // 20
    shares = np.cumsum(1 / np.arange(1, n_items + 1))
    drawn = rng.integers(0, n_users, n) * n_items + np.searchsorted(shares, rng.random(n) * shares[-1])
    users, items = np.divmod(np.unique(drawn), n_items)
    order = np.lexsort((rng.random(len(users)), users))
    users, items = users[order], items[order]
    ends = np.append(users[1:] != users[:-1], True)
    split = np.where(ends, "test", np.where(np.append(ends[1:], False), "validation", "train"))
    names = [np.array([f"{kind}{row}" for row in range(size)]) for kind, size in (("u", n_users), ("i", n_items))]
    cold = np.bincount(items[split != "test"], minlength=n_items) == 0
    task = RecommendationTask("large", *names, None, users, items, split, cold)
    fewer = {"item_knn": {"shrinkages": (10,), "neighbors": (50, None)}, "als": {"regularizations": (1,), "weights": (10,)}}
    fewer |= {
        "bpr": {"regularizations": (0.01,), "learning_rates": (0.03,), "iterations": 20},
        "ease": {"regularizations": (30,)},
    }
    recommender: Any = factory.build_encoder(
        method, METHODS[method].options(**fewer.get(method, {})), dim=64 if method in ("als", "bpr") else None
    )
    assert isinstance(task.tuning.learnt, Interactions)
    options = RecommendationOptions(most_tuned_users=2_000)
    choice = choose_setting(OnWarmItems(recommender), task.tuning, options)
    return f"{len(items):,} interactions, {n_items:,} items, {n_users:,} users; nDCG@10 {choice.value:.4f}"


def tag(n: int) -> str:
    """Evaluate token features on tagged sentences."""
    from emb_pipeline.tasks.registry import KINDS
    from emb_pipeline.tasks.sequence_labeling.task import SequenceLabelingTask

    rng = np.random.default_rng(0)
    shares = np.cumsum(1 / np.arange(1, N_WORDS + 1))
    ranks = np.searchsorted(shares, rng.random((n, 20)) * shares[-1])
    is_entity = (ranks % 11 == 0) & (rng.random(ranks.shape) < 0.9)
    sentences = [[f"w{rank}" for rank in row] for row in ranks.tolist()]
    tags = [["B-X" if each else "O" for each in row] for row in is_entity.tolist()]
    split = np.array([("test", "validation", "train", "train", "train")[row % 5] for row in range(n)])
    task = SequenceLabelingTask("large", np.array([f"s{row}" for row in range(n)]), sentences, tags, split)
    kind = KINDS["sequence_labeling"]
    encoder: Any = factory.build_encoder("token_features", METHODS["token_features"].options())
    found = kind.evaluate_embedding(task, encoder, kind.options(), seed=0)
    return f"F1 {next(iter(found.metrics.values())):.3f}"


SEARCHES = {"retrieval": retrieve, "inverted_lists": retrieve_roughly}


def main() -> None:
    """Print a line for each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=["dense", "sparse", *SEARCHES, "entities", *RECOMMENDERS])
    parser.add_argument("--sizes", type=int, nargs="+", required=True)
    parser.add_argument("--queries", type=int, default=1_000, help="of searches")
    parser.add_argument("--dim", type=int, default=128, help="of the vectors that are searched")
    parser.add_argument("--in-process", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    more = ["--queries", str(options.queries), "--dim", str(options.dim)]
    for size in options.sizes:
        if not options.in_process:
            measured = measure_step([__file__, options.step, "--sizes", str(size), "--in-process", *more])
            print(f"{options.step:<10} {size:>10,}  {measured}", flush=True)
        elif options.step in SEARCHES:
            with tempfile.TemporaryDirectory() as folder:
                print(SEARCHES[options.step](size, options.dim, options.queries, Path(folder)))
        elif options.step in RECOMMENDERS:
            print(recommend(size, options.step))
        else:
            print(
                tag(size) if options.step == "entities" else classify(size, "random" if options.step == "dense" else "tfidf")
            )


if __name__ == "__main__":
    main()
