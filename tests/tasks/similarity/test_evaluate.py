"""Similarity: cosines against people's scores."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import pearsonr, spearmanr

from emb_pipeline.embeddings.sparse.word_counts import Tfidf
from emb_pipeline.tasks.options import EvaluationOptions
from emb_pipeline.tasks.registry import KINDS
from emb_pipeline.tasks.similarity.evaluate import evaluate_similarity
from emb_pipeline.tasks.similarity.task import SimilarityTask
from emb_pipeline.text.texts import tokenize_tables
from tests.tasks.conftest import WordEncoder

PAIRS = [
    ("a cat", "a cat", 5.0),
    ("a cat", "a dog", 3.0),
    ("the sea", "a cat", 0.5),
    ("the sea", "the sky", 2.0),
    ("a dog", "a cat", 4.0),
    ("sky sea", "sea sky", 4.5),
    ("one two", "three four", 0.0),
]


@pytest.fixture
def task() -> SimilarityTask:
    first, second, scores = zip(*PAIRS, strict=True)
    columns = {"pair_id": [f"p{i}" for i in range(len(PAIRS))], "text_a": first, "text_b": second, "score": scores}
    return KINDS["similarity"].create_task(tokenize_tables({"pairs": pa.table(columns)}), "alike")


def test_both_correlations_are_those_of_scipy(task: SimilarityTask, words: WordEncoder) -> None:
    found = evaluate_similarity(task, words, EvaluationOptions(), seed=0)
    vectors = {text: words.encode([text])[0] for pair in PAIRS for text in pair[:2]}
    cosines = [float(vectors[a] @ vectors[b] / np.linalg.norm(vectors[a]) / np.linalg.norm(vectors[b])) for a, b, _ in PAIRS]
    scores = [score for *_, score in PAIRS]
    assert found.metrics["spearman"] == pytest.approx(spearmanr(np.round(cosines, 6), scores).statistic, abs=1e-6)
    assert found.metrics["pearson"] == pytest.approx(pearsonr(cosines, scores).statistic, abs=1e-6)
    table = found.item_scores.to_pandas().groupby("metric")["value"].mean()
    assert table.to_dict() == pytest.approx(found.metrics)


def test_each_distinct_text_is_encoded_once(task: SimilarityTask, words: WordEncoder) -> None:
    evaluate_similarity(task, words, EvaluationOptions(), seed=0)
    assert words.n_encoded == len({text for pair in PAIRS for text in pair[:2]})


def test_the_same_two_texts_in_either_order_are_one_group(task: SimilarityTask, words: WordEncoder) -> None:
    table = evaluate_similarity(task, words, EvaluationOptions(), seed=0).item_scores.to_pandas()
    groups = table[table["metric"] == "spearman"].set_index("unit_id")["group_id"]
    assert groups["p4"] == groups["p1"] and groups.nunique() == len(PAIRS) - 1


def test_a_sparse_baseline_is_fitted_on_the_texts_and_unknown_texts_have_cosine_0(task: SimilarityTask) -> None:
    found = evaluate_similarity(task, Tfidf(), EvaluationOptions(), seed=0)
    assert found.metrics["spearman"] > 0.7 and found.dim > 5


def test_there_are_no_labels_to_shuffle(task: SimilarityTask, words: WordEncoder) -> None:
    with pytest.raises(ValueError, match="no labels to shuffle"):
        evaluate_similarity(task, words, EvaluationOptions(), seed=0, shuffle_labels=True)


def test_pairs_are_read_as_their_table_has_them(task: SimilarityTask) -> None:
    sides = [[task.texts[row] for row in rows.tolist()] for rows in (task.first, task.second)]
    assert list(zip(*sides, task.scores.tolist(), strict=True)) == PAIRS
