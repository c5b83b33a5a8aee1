"""Rankings of other engines: the scores of trec_eval, and those of an embedding for its own ranking."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from emb_pipeline.embeddings.retrieval.bm25 import Bm25
from emb_pipeline.errors import DataError
from emb_pipeline.tasks.retrieval.evaluate import evaluate_retrieval
from emb_pipeline.tasks.retrieval.options import RetrievalOptions
from emb_pipeline.tasks.retrieval.task import RetrievalTask
from emb_pipeline.tasks.retrieval.trec_run import evaluate_trec_run
from emb_pipeline.text.texts import Texts

OPTIONS = RetrievalOptions(latency_requests=0)
PASSAGES = ["a red kettle", "a blue kettle", "a garden hose", "the garden", "a desk of oak"]
TASK = RetrievalTask(
    "search",
    np.array(["q1", "q2"]),
    Texts(["red kettle", "garden hose"]),
    np.array([f"p{number}" for number in range(5)]),
    Texts(PASSAGES),
    sp.csr_array(np.array([[2, 1, 0, 0, 0], [0, 0, 1, 0, 0]], dtype=np.float32)),
)


def test_a_run_is_scored_by_its_scores(tmp_path: Path) -> None:
    """q1: grades 0 2 1 by score, DCG 2/log2(3) + 1/log2(4) of 2 + 1/log2(3); q2 is not there, and q9 is not asked for."""
    (tmp_path / "run.trec").write_text("q1 Q0 p0 1 2.5 mine\nq1 Q0 p4 2 9e1 mine\n\nq1 Q0 p1 3 -1 mine\nq9 Q0 x 1 1 mine\n")
    evaluation = evaluate_trec_run(TASK, tmp_path / "run.trec", OPTIONS)
    ndcg = (2 / np.log2(3) + 1 / 2) / (2 + 1 / np.log2(3))
    assert evaluation.metrics == pytest.approx({"ndcg@10": ndcg / 2, "mrr@10": 1 / 4, "recall@100": 1 / 2})
    assert evaluation.details["n_queries_ranked"] == 1


def test_the_run_of_an_embedding_scores_what_the_embedding_does(tmp_path: Path) -> None:
    ranked = Bm25().index(PASSAGES).search(list(TASK.queries), 5)
    rows = [
        f"q{query + 1}\tQ0\tp{passage}\t{rank}\t{5 - rank}\tbm25"
        for query, found in enumerate(ranked.tolist())
        for rank, passage in enumerate(found)
    ]
    (tmp_path / "run.txt").write_text("\n".join(rows))
    run, own = evaluate_trec_run(TASK, tmp_path / "run.txt", OPTIONS), evaluate_retrieval(TASK, Bm25(), OPTIONS)
    assert run.metrics == own.metrics and run.item_scores.equals(own.item_scores)


def test_equal_scores_do_not_follow_the_order_of_the_file(tmp_path: Path) -> None:
    rows = [f"q{query} Q0 p{passage} 1 7 mine" for query in (1, 2) for passage in range(5)]
    found = []
    for order in (rows, rows[::-1]):
        (tmp_path / "run.trec").write_text("\n".join(order))
        found.append(evaluate_trec_run(TASK, tmp_path / "run.trec", OPTIONS).metrics)
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("q1 0 p1 1\n", "row 1: it has 4 fields, not the six"),
        ("q1 Q0 p1 1 high mine\n", "row 1: score 'high' is no number"),
        ("q1 Q0 p1 1 2 mine\nq1 Q0 p9 1 2 mine\n", "row 2: passage 'p9' is not in the task"),
        ("q1 Q0 p1 1 2 mine\nq1 Q0 p1 2 1 mine\n", "row 2: passage 'p1' is ranked twice for 'q1'"),
        ("q7 Q0 p1 1 2 mine\n", "it ranks for no query of 'search'"),
    ],
)
def test_a_run_that_does_not_fit_is_refused(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "run.trec").write_text(content)
    with pytest.raises(DataError, match=message):
        evaluate_trec_run(TASK, tmp_path / "run.trec", OPTIONS)
