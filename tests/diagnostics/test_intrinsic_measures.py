"""Measures of word vectors in one table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from emb_pipeline.diagnostics.intrinsic_measures import NEIGHBORS, PURITY, TASK, gather_measures, gather_task_measures
from emb_pipeline.diagnostics.tables import CHECKS
from emb_pipeline.statistics.embedding_facts import EMBEDDING_FACTS
from emb_pipeline.statistics.score_tables import TaskScores, make_table

NONE = pd.DataFrame({"embedding": [], "word": [], "neighbor": [], "probe": []})


def check(name: str, kind: str, item: str, value: float) -> dict[str, object]:
    return {"embedding": name, "origin": "domain", "check": kind, "item": item, "value": value}


def gather(checks: list[dict[str, object]], neighbors: pd.DataFrame = NONE, **clusters: str) -> pd.DataFrame:
    facts = make_table([], EMBEDDING_FACTS)
    return gather_measures(pd.DataFrame(checks, columns=CHECKS.names), neighbors, facts, clusters)


def test_each_check_has_its_direction_and_known_words_are_of_one_task() -> None:
    found = gather(
        [
            check("a", "similarity", "simlex999", 0.3),
            check("a", "shape", "skewness of neighbourhoods", 2.0),
            check("a", "known words", "topic", 0.9),
            check("a", "bias", "career", -0.7),
            check("a", "bias", "unknown words", float("nan")),
        ]
    ).set_index("measure")
    assert found["direction"].to_dict() == {"similarity": 1, "shape": -1, "known words": 1, "bias": -1}
    assert found.loc["known words", "task"] == "topic" and found.loc["similarity", "task"] == ""
    assert found.loc["bias", "value"].iloc[0] == 0.7


def test_every_check_of_a_diagnosis_has_a_direction_or_is_left_out_by_name() -> None:
    """One that nobody gave a direction is no measure: a new check must be decided on here."""
    assert gather([check("a", "a new check", "x", 1.0)]).empty


def test_the_largest_size_has_no_pip_loss_to_itself() -> None:
    found = gather([check("w50", "PIP loss", "w300", 0.4), check("w100", "PIP loss", "w300", 0.2)])
    assert found.set_index("embedding")["value"].to_dict() == {"w50": 0.4, "w100": 0.2, "w300": 0.0}


def test_neighbors_are_shared_with_embeddings_of_other_clusters_alone() -> None:
    words = {"a1": "xy", "a2": "xy", "b": "xz"}
    rows = [{"embedding": name, "word": "w", "neighbor": each, "probe": False} for name, of in words.items() for each in of]
    found = gather([], pd.DataFrame(rows), a1="a", a2="a", b="b")
    assert set(found["measure"]) == {NEIGHBORS}
    assert found.set_index("embedding")["value"].to_dict() == pytest.approx({"a1": 1 / 3, "a2": 1 / 3, "b": 1 / 3})


def test_scores_of_tasks_without_learning_and_purities_are_measures() -> None:
    cells: list[dict[str, object]] = [{"family": "a"}]
    pairs = TaskScores("pairs", ["a"], cells, np.arange(2), {"spearman": np.array([[0.2], [0.4]])}, None, None)
    purities = pd.DataFrame({"task": ["topic"], "embedding": ["a"], "value": [0.6]})
    found = gather_task_measures([pairs], {"pairs": "spearman"}, purities).set_index("measure")
    assert found.loc[TASK, "value"] == pytest.approx(0.3) and found.loc[TASK, "about"] == "pairs"
    assert found.loc[PURITY, "task"] == "topic" and found.loc[PURITY, "uses_labels"]
