"""Steps of the stage `report` as plain functions."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from emb_pipeline.efficiency.latency import REQUEST_TIMES
from emb_pipeline.pipelines.report import nodes
from emb_pipeline.statistics.options import ReportOptions
from emb_pipeline.statistics.score_tables import make_table
from emb_pipeline.storage.failures import FAILURES
from emb_pipeline.text.seen import SEEN
from tests.pipelines.conftest import as_table

REPORT = ReportOptions(resamples=200, permutations=199, level=0.05)
LAST = pa.table({})


@pytest.fixture(scope="module")
def claims(facts: pa.Table, scores: dict[str, Any]) -> tuple[pd.DataFrame, pd.DataFrame]:
    return nodes.test_differences(REPORT, facts, LAST, **scores)


def test_all_differences_are_tested_as_one_family_and_a_control_differs(claims: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    tested, any_difference = claims
    assert not tested.empty and (tested["p_adjusted"] >= tested["p"]).all()
    assert any_difference["task"].tolist() == ["topic"]


def test_the_leaderboard_has_a_row_for_each_metric_of_each_cell_with_its_facts(
    claims: tuple[pd.DataFrame, pd.DataFrame], facts: pa.Table, scores: dict[str, Any]
) -> None:
    times, failures = as_table(make_table([], REQUEST_TIMES)), FAILURES.empty_table()
    board = nodes.make_leaderboard(REPORT, "tiny", facts, as_table(claims[0]), times, failures, **scores)
    primary = board[board["primary"]].set_index("embedding")
    assert set(primary.index) == {"task.tfidf", "task.one_hot", "control.shuffled_tfidf"}
    assert primary["shuffled_labels"].to_dict()["control.shuffled_tfidf"] and set(board["use_case"]) == {"tiny"}
    assert primary.loc["task.tfidf", "letters"] != primary.loc["control.shuffled_tfidf", "letters"]


def test_a_failure_that_stands_in_two_origins_is_listed_once() -> None:
    row = dict.fromkeys(FAILURES.names) | {"embedding": "domain.a", "task": "topic", "reason": "x"}
    one = pa.Table.from_pylist([row], schema=FAILURES)
    found = nodes.collect_failures(LAST, scores_domain={"failures": one}, scores_task={"failures": one})
    assert found.num_rows == 1 and found.schema.equals(FAILURES)


def test_effects_need_embeddings_that_differ_in_one_thing(
    claims: tuple[pd.DataFrame, pd.DataFrame], facts: pa.Table, scores: dict[str, Any]
) -> None:
    assert nodes.measure_effects(REPORT, facts, as_table(claims[0]), **scores).empty


def test_scores_without_seen_units_need_seen_units(topic: dict[str, pa.Table], scores: dict[str, Any]) -> None:
    seen = pa.table({"unit_id": [str(row) for row in range(20)]})
    table = nodes.measure_without_seen(REPORT, LAST, task_topic={**topic, SEEN: seen}, **scores)
    assert set(table["n_seen"]) == {20} and set(table["n"]) == {60}
    assert nodes.measure_without_seen(REPORT, LAST, task_topic={**topic, SEEN: seen.slice(0, 0)}, **scores).empty


def test_the_audit_names_the_corpus_that_holds_text_of_a_task() -> None:
    audits = pa.table({"scope": ["topic"], "check": ["units"], "value": [60.0]})
    overlap = pa.table({"task": ["topic"], "corpus": ["domain"], "check": ["shared sentences"], "value": [0.1]})
    audit = nodes.make_audit(audits, overlap)
    assert audit["check"].tolist() == ["units", "shared sentences: domain"] and audit["scope"].tolist() == ["topic", "topic"]
