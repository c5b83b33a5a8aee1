"""What BM25 leaves open is chosen on queries that are not scored with it."""

from __future__ import annotations

import bm25s
import numpy as np
import pytest
import scipy.sparse as sp

from emb_pipeline.embeddings.retrieval.bm25 import Bm25
from emb_pipeline.embeddings.retrieval.options import Bm25Options
from emb_pipeline.tasks.retrieval.evaluate import create_retrieval_service, evaluate_retrieval
from emb_pipeline.tasks.retrieval.options import RetrievalOptions
from emb_pipeline.tasks.retrieval.settings import choose_across_folds, deal_folds
from emb_pipeline.tasks.retrieval.task import RetrievalTask
from emb_pipeline.text.texts import Texts

OPTIONS = RetrievalOptions(latency_requests=0)
USUAL = Bm25Options(k1=1.5, b=0.75)


def misleading_task(n: int = 40, n_training: int = 0) -> RetrievalTask:
    """Each query's word stands in a short passage that answers it, and more often in ten long ones that do not."""
    rng = np.random.default_rng(0)
    words = [f"word{number}" for number in range(n + n_training)]
    filler = [f"filler{number}" for number in range(50)]
    passages = [f"{word} {' '.join(rng.choice(filler, 9))}" for word in words]
    for word in words:
        repeats = [[word] * 4 + rng.choice(filler, 76).tolist() for _ in range(10)]
        passages += [" ".join(rng.permutation(each)) for each in repeats]
    qrels = sp.csr_array(np.eye(n + n_training, len(passages), dtype=np.float32))
    return RetrievalTask(
        "search",
        np.array([f"q{number}" for number in range(n)]),
        Texts(words[:n]),
        np.array([f"p{number}" for number in range(len(passages))]),
        Texts(passages),
        qrels[:n],
        Texts(words[n:]),
        qrels[n:] if n_training else None,
    )


@pytest.mark.parametrize(("k1", "b"), [(1.5, 0.75), (0.9, 0.0), (3.0, 1.0)])
def test_weights_of_a_setting_are_those_of_bm25s(k1: float, b: float) -> None:
    rng = np.random.default_rng(1)
    passages = [" ".join(rng.choice(list("abcdefgh"), size=rng.integers(1, 60))) for _ in range(40)]
    reference = bm25s.BM25(k1=k1, b=b, method="lucene")
    reference.index([passage.split() for passage in passages], show_progress=False)
    ours = Bm25(Bm25Options(k3=None)).index(passages).at({"k1": k1, "b": b})
    for query in (["a"], ["b", "h", "b"]):
        np.testing.assert_allclose(ours.weights.get_scores(query), reference.get_scores(query), rtol=1e-6)
        found = ours.search_scored([" ".join(query)], len(passages))
        expected = ours.weights.get_scores(query)[found.passages[0]]
        np.testing.assert_allclose(found.scores[0], np.where(expected > 0, expected, -np.inf), rtol=1e-6)
    assert ours.n_bytes == Bm25(Bm25Options(k1=k1, b=b)).index(passages).n_bytes


def test_a_word_that_a_query_repeats_is_worth_less_each_time() -> None:
    """Three times: 3 (k3 + 1) / (3 + k3) times as much as once, and 3 times without k3."""
    passages = ["a b", "b c", "c c d"]
    for k3, worth in ((8.0, 27 / 11), (0.0, 1.0), (None, 3.0)):
        index = Bm25(Bm25Options(k1=1.5, b=0.75, k3=k3)).index(passages)
        once_a, once_b, both = (next(index.score_all([query]))[1][0] for query in ("a", "b", "b a b b"))
        np.testing.assert_allclose(both[0], once_a[0] + worth * once_b[0], rtol=1e-6)
        np.testing.assert_allclose(both[1], worth * once_b[1], rtol=1e-6)


def test_what_a_long_query_repeats_does_not_drown_what_it_is_about() -> None:
    """As where a dialogue is searched with: filler is in it a hundred times, and its subject twice."""
    rng = np.random.default_rng(3)
    filler = [f"filler{number}" for number in range(30)]
    passages = [" ".join([f"subject{number}", *rng.choice(filler, 40)]) for number in range(40)]
    queries = [" ".join([f"subject{number}"] * 2 + rng.choice(filler, 1500).tolist()) for number in range(40)]
    names = np.array([f"n{number}" for number in range(40)])
    task = RetrievalTask("visits", names, Texts(queries), names, Texts(passages), sp.csr_array(np.eye(40, dtype=np.float32)))
    each, saturated = (evaluate_retrieval(task, Bm25(Bm25Options(k3=k3)), OPTIONS).metrics["ndcg@10"] for k3 in (None, 1.0))
    assert each < 0.5 and saturated > each + 0.2


def test_tuned_bm25_is_better_where_long_passages_mislead() -> None:
    task = misleading_task()
    usual, tuned = (evaluate_retrieval(task, Bm25(options), OPTIONS) for options in (USUAL, Bm25Options()))
    assert usual.metrics["ndcg@10"] < 0.7
    assert tuned.metrics["ndcg@10"] > 0.95
    assert tuned.details["setting"]["b"] > 0.75
    assert 0 < tuned.tune_seconds <= tuned.fit_seconds


def test_a_value_that_is_written_is_not_tuned() -> None:
    task = misleading_task()
    made = evaluate_retrieval(task, Bm25(Bm25Options(b=0.75)), OPTIONS)
    assert made.details["setting"]["b"] == 0.75
    assert made.details["settings_tried"] == 4
    fixed = evaluate_retrieval(task, Bm25(USUAL), OPTIONS)
    assert "setting" not in fixed.details
    assert fixed.tune_seconds == 0


@pytest.mark.slow
def test_training_queries_choose_where_there_are_enough() -> None:
    made = evaluate_retrieval(misleading_task(n=10, n_training=50), Bm25(), OPTIONS)
    assert made.details["chosen_on"] == "training queries"
    assert made.metrics["ndcg@10"] > 0.95
    of_few = evaluate_retrieval(misleading_task(10, 49), Bm25(), OPTIONS)
    assert of_few.details["chosen_on"] == "all queries; for the score of each query, those of the other folds"


def test_judged_passages_are_ranked_with_a_chosen_setting_too() -> None:
    made = evaluate_retrieval(misleading_task(), Bm25(), RetrievalOptions(latency_requests=0, rank="judged"))
    assert made.metrics["ndcg@10"] == 1
    assert made.details["settings_tried"] == 20


def test_requests_are_answered_with_the_setting_that_all_queries_choose() -> None:
    task = misleading_task()
    options = RetrievalOptions(latency_requests=3)
    setting = evaluate_retrieval(task, Bm25(), OPTIONS).details["setting"]
    service = create_retrieval_service(task, Bm25(), options, setting)
    assert [int(service.answer(query)[0][0]) for query in service.requests] == [0, 1, 2]


def test_no_query_has_a_say_in_its_own_setting() -> None:
    rng = np.random.default_rng(2)
    values, folds = rng.random((6, 50)), np.arange(50) % 5
    chosen = choose_across_folds(values, folds)
    for fold in range(5):
        changed = np.where(folds == fold, rng.random((6, 50)), values)
        np.testing.assert_array_equal(choose_across_folds(changed, folds)[folds == fold], chosen[folds == fold])


def test_choosing_among_equal_settings_gains_nothing() -> None:
    rng = np.random.default_rng(3)
    folds = np.arange(100) % 5
    gained, own = [], []
    for _ in range(300):
        values = rng.standard_normal((20, 100))
        gained.append(values[choose_across_folds(values, folds), np.arange(100)].mean())
        own.append(values.mean(axis=1).max())
    assert abs(np.mean(gained)) < 3 * np.std(gained) / np.sqrt(300)
    assert np.mean(own) > 0.15


def test_folds_keep_groups_together_and_ignore_the_order_of_the_file() -> None:
    queries = [f"query {number}" for number in range(30)]
    groups = np.array([0, 0, 0, *range(3, 30)])
    folds = deal_folds(queries, groups)
    assert len(set(folds[:3])) == 1
    assert np.bincount(folds).min() >= 5
    np.testing.assert_array_equal(deal_folds(queries[::-1], groups[::-1]), folds[::-1])


def test_a_single_query_takes_the_usual_setting() -> None:
    task = misleading_task(n=1)
    made, usual = (evaluate_retrieval(task, Bm25(options), OPTIONS) for options in (Bm25Options(), USUAL))
    assert made.metrics == usual.metrics
