"""Steps of the stage `report` as plain functions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from emb_pipeline.datasets.tables import TablesDataset
from emb_pipeline.efficiency.latency import REQUEST_TIMES
from emb_pipeline.experiment.choosing import ChoosingOptions
from emb_pipeline.experiment.model import EmbeddingSpec, TaskDefinition
from emb_pipeline.pipelines.evaluate.nodes import collect_embeddings, collect_tasks, evaluate_untrained
from emb_pipeline.pipelines.report import nodes
from emb_pipeline.pipelines.report.closeness import measure_label_purity
from emb_pipeline.pipelines.report.cutoffs import measure_cutoffs
from emb_pipeline.readers.formats.delimited import CsvSource
from emb_pipeline.statistics.agreement.options import AgreementOptions
from emb_pipeline.statistics.options import ReportOptions
from emb_pipeline.statistics.score_tables import make_table
from emb_pipeline.storage.failures import FAILURES
from emb_pipeline.tasks.cutoffs.options import CutoffOptions, UnanswerableOptions
from emb_pipeline.text.seen import SEEN
from tests.pipelines.conftest import DEFINITION, NO_FOLDERS, as_table, store_leaves

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
    board = nodes.make_leaderboard(
        REPORT, "tiny", facts, as_table(claims[0]), times, failures, as_table(nodes.list_rounds(ChoosingOptions())), **scores
    )
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


def test_scores_by_rare_values_need_columns(topic: dict[str, pa.Table], scores: dict[str, Any]) -> None:
    assert nodes.measure_rare_values(REPORT, LAST, task_topic=topic, **scores).empty
    examples = topic["examples"]
    shops = pa.array(["corner shop" if row else "market" for row in range(examples.num_rows)])
    with_shop = {**topic, "examples": examples.append_column("category.shop", shops)}
    table = nodes.measure_rare_values(REPORT, LAST, task_topic=with_shop, **scores).set_index(["embedding", "part"])
    n = table["n"].loc["task.tfidf"].to_dict()
    assert n == {"in no training row": 1, "in 10 to 99": examples.num_rows - 1}
    alone = table.loc[("task.tfidf", "in no training row")]
    assert alone["value"] in (0, 1) and np.isnan(alone["ci_low"])


def test_label_purity_uses_half_of_the_texts_where_all_are_tested_on(
    topic: dict[str, pa.Table], scores: dict[str, Any], facts: pa.Table
) -> None:
    purity, units = measure_label_purity(NO_FOLDERS, facts, LAST, task_topic=topic, definition_topic=DEFINITION, **scores)
    found = purity.set_index("embedding")["value"]
    assert set(found.index) == {"task.tfidf", "task.one_hot", "control.shuffled_tfidf"} and (found > 0.8).all()
    assert set(units["task"]) == {"topic"} and 25 <= len(units) == purity["n"].iloc[0] <= 35


def test_cut_offs_are_of_the_chosen_embedding_and_of_the_best_where_something_cannot_be_answered(
    topic: dict[str, pa.Table], scores: dict[str, Any], facts: pa.Table, tmp_path: Path
) -> None:
    decision = pa.table({"task": ["topic"], "embedding": ["task.one_hot"], "chosen": [True]})
    folders = NO_FOLDERS.model_copy(update={"raw": tmp_path, "project": tmp_path})
    texts = [f"of {number} and {number + 1}" for number in range(40)]
    (tmp_path / "asked.csv").write_text("\n".join(["text", *texts]))
    inputs = {**scores, "task_topic": topic, "definition_topic": DEFINITION}
    source = UnanswerableOptions(source=CsvSource(path="asked.csv"))
    options = CutoffOptions(level=0.1, embeddings=2, unanswerable={"topic": source})
    table = measure_cutoffs(options, REPORT, folders, facts, decision, LAST, **inputs)
    assert table["embedding"].tolist() == ["task.one_hot", "task.tfidf"] and set(table["origin"]) == {"task"}
    assert table["exists"].all() and (table["recall"] > 0.8).all() and (table["n_calibration"] == 40).all()
    none = measure_cutoffs(CutoffOptions(), REPORT, folders, facts, decision, LAST, **inputs)
    assert none.empty and list(none.columns) == list(table.columns)


def test_the_audit_names_the_corpus_that_holds_text_of_a_task() -> None:
    audits = pa.table({"scope": ["topic"], "check": ["units"], "value": [60.0]})
    overlap = pa.table({"task": ["topic"], "corpus": ["domain"], "check": ["shared sentences"], "value": [0.1]})
    audit = nodes.make_audit(audits, overlap)
    assert audit["check"].tolist() == ["units", "shared sentences: domain"] and audit["scope"].tolist() == ["topic", "topic"]


def test_made_queries_are_compared_with_real_ones_by_the_passages_that_they_are_about(tmp_path: Path) -> None:
    words = [f"{first}{second}" for first in "bcdfghklmn" for second in ("ada", "ede", "idi", "odo")]
    passages = {f"p{row}": f"{words[row]} {words[row - 1]} {words[row - 2]} common words" for row in range(40)}
    asked = {
        "docs_made": {f"m{row}": (f"{words[row]} {words[row - 1]}", f"p{row}") for row in range(40)},
        "docs_real": {f"r{row}": (f"{words[row]} or else", f"p{row}") for row in range(0, 40, 2)},
    }
    tables = {
        name: {
            "queries": pa.table({"query_id": list(of), "text": [text for text, _ in of.values()]}),
            "passages": pa.table({"passage_id": list(passages), "text": list(passages.values())}),
            "qrels": pa.table(
                {"query_id": list(of), "passage_id": [passage for _, passage in of.values()], "relevance": [1.0] * len(of)}
            ),
        }
        for name, of in asked.items()
    }
    scores: dict[str, Any] = {}
    cells = {}
    for key in ("tfidf", "bm25"):
        cell = EmbeddingSpec.model_validate({"origin": "task", "key": key, "method": key, "options": {}})
        leaves: dict[str, Any] = {}
        for name, task in tables.items():
            source = {"reader": "tables", "queries": "q.csv", "passages": "p.csv", "qrels": "j.csv"}
            definition = {"name": name, "kind": "retrieval", "source": source, "evaluation": {}}
            found = evaluate_untrained(task, cell, TaskDefinition.model_validate(definition), NO_FOLDERS)
            stored = dict(zip(("item_scores", "metrics", "predicted", "training_draws"), found, strict=True))
            leaves |= store_leaves(stored, tmp_path / key / name, name)
        cells[key] = collect_tasks(cell, **leaves)
    stored = TablesDataset(
        filepath=str(tmp_path / "scores"), dictionaries={"item_scores": ["task", "embedding", "metric", "unit_id"]}
    )
    stored.save(collect_embeddings(**cells))
    scores["scores_task"] = stored.load()
    pair = {"made": "docs_made", "real": "docs_real", "real_queries": "written_for_drawn_passages"}
    options = REPORT.model_copy(update={"agreement": (AgreementOptions(**pair),)})
    inputs = {**scores, **{f"task_{name}": task for name, task in tables.items()}}
    agreement, pairs = nodes.measure_agreement(options, LAST, **inputs)
    row = agreement.iloc[0]
    assert (row["n_made"], row["n_real"], row["n_paired"], row["metric"]) == (40, 20, 20, "ndcg@10")
    assert pd.isna(row["uncorrected_because"])
    assert pairs[["embedding_a", "embedding_b"]].values.tolist() == [["task.tfidf", "task.bm25"]]
    assert all(table.empty for table in nodes.measure_agreement(REPORT, LAST, **inputs))
