"""Recommenders on MovieLens 100K: our evaluation next to that of the library ``implicit``, on the same split.

    EMB_PIPELINE_MIRROR=<folder with the public data sets> python benchmarks/recommenders_against_implicit.py

Each recommender has one setting, the same here and there. Ours is fitted and scored as a run does it. Theirs is fitted by
their classes, with the same seed, and scored by ``implicit.evaluation.ranking_metrics_at_k``. Their item-based neighbors
are those of the item that was taken, ours those of the item that is recommended: with all of them kept, both are one.
They know no cold items. Users whose test film is one have an nDCG of 0 for both. Exits with 1 where nDCG@10 differs in the
third decimal.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from emb_pipeline.embeddings.recommenders.als import Als
from emb_pipeline.embeddings.recommenders.bpr import Bpr
from emb_pipeline.embeddings.recommenders.item_knn import ItemKnn
from emb_pipeline.embeddings.recommenders.options import AlsOptions, BprOptions, ItemKnnOptions
from emb_pipeline.tasks.recommendation.evaluate import evaluate_recommendation
from emb_pipeline.tasks.recommendation.task import RecommendationTask
from emb_pipeline.tasks.registry import KINDS
from published_figures import read_definition

PROJECT = Path(__file__).parents[1]
DIM, TOLERANCE = 64, 0.0005


def main() -> None:
    """Print a line per recommender."""
    from implicit.cpu.als import AlternatingLeastSquares
    from implicit.cpu.bpr import BayesianPersonalizedRanking
    from implicit.nearest_neighbours import CosineRecommender

    definition = read_definition("movies", "next_movie_100k")
    kind = KINDS[definition.kind]
    tables = kind.create_reader().read(definition.source, PROJECT / "data/01_raw", PROJECT, definition.name)
    task = RecommendationTask.from_tables(tables, definition.name)
    shared = {"factors": DIM, "random_state": 0, "num_threads": 1}
    pairs: dict[str, tuple[Any, Callable[[], Any]]] = {
        "item kNN": (
            ItemKnn(ItemKnnOptions(shrinkages=(0,), neighbors=(None,))),
            lambda: CosineRecommender(K=len(task.item_ids), num_threads=1),
        ),
        "ALS": (
            Als(AlsOptions(regularizations=(1,), weights=(10,)), DIM),
            lambda: AlternatingLeastSquares(regularization=1, alpha=10, iterations=15, **shared),
        ),
        "BPR": (
            Bpr(BprOptions(regularizations=(0.01,), learning_rates=(0.03,)), DIM),
            lambda: BayesianPersonalizedRanking(regularization=0.01, learning_rate=0.03, iterations=100, **shared),
        ),
    }
    print(f"{len(task.testing.users)} users, {int((~task.is_cold).sum())} films with five likes or more\n")
    print("| recommender | our nDCG@10 | implicit | difference |\n|---|---:|---:|---:|")
    largest = 0.0
    for name, (own, create) in pairs.items():
        with threadpool_limits(1):
            ours = evaluate_recommendation(task, own, definition.evaluation).metrics["ndcg@10"]
            theirs = score_by_implicit(task, create())
        largest = max(largest, abs(ours - theirs))
        print(f"| {name} | {ours:.4f} | {theirs:.4f} | {ours - theirs:+.5f} |", flush=True)
    sys.exit(int(largest >= TOLERANCE))


def score_by_implicit(task: RecommendationTask, model: Any) -> float:
    """Fit and score by the library, on the items that can be learned from; nDCG@10 over all users."""
    from implicit.evaluation import ranking_metrics_at_k

    phase, warm = task.testing, np.flatnonzero(~task.is_cold)
    learnt, wanted = (csr_matrix(matrix[:, warm]) for matrix in (phase.learnt.matrix, phase.wanted))
    model.fit(learnt, show_progress=False)
    found = ranking_metrics_at_k(model, learnt, wanted, K=10, show_progress=False, num_threads=1)
    n_scored = int((np.diff(wanted.indptr)[phase.users] > 0).sum())
    return float(found["ndcg"]) * n_scored / len(phase.users)


if __name__ == "__main__":
    main()
