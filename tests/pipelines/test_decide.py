"""Steps of the stages `decide` and `deploy` as plain functions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from emb_pipeline.deployment.options import DeployOptions
from emb_pipeline.efficiency.latency import REQUEST_TIMES
from emb_pipeline.errors import DataError
from emb_pipeline.experiment.choosing import ChoosingOptions, Outcome, Standing
from emb_pipeline.experiment.model import Folders
from emb_pipeline.pipelines.decide.cutoffs import measure_required_cutoffs
from emb_pipeline.pipelines.decide.nodes import choose_sizes, decide_on_embedding
from emb_pipeline.pipelines.deploy.nodes import export_chosen
from emb_pipeline.readers.formats.delimited import CsvSource
from emb_pipeline.statistics.decision.options import DecisionOptions, RefusalOptions
from emb_pipeline.statistics.decision.sizes import SIZES
from emb_pipeline.statistics.decision.standings import NOT_ABOVE_FLOOR
from emb_pipeline.statistics.options import ReportOptions
from emb_pipeline.statistics.score_tables import make_table
from emb_pipeline.tasks.cutoffs.columns import CUTOFFS
from emb_pipeline.tasks.cutoffs.options import CutoffOptions, UnanswerableOptions
from tests.pipelines.conftest import DEFINITION, NO_FOLDERS, as_table

REPORT = ReportOptions(resamples=200, permutations=199, level=0.05)
TIMES = as_table(make_table([], REQUEST_TIMES))
LAST = pa.table({})
PLAIN = ChoosingOptions()


@pytest.fixture(scope="module")
def decision(facts: pa.Table, scores: dict[str, Any]) -> pd.DataFrame:
    table, _, _ = decide_on_embedding(DecisionOptions(), REPORT, facts, TIMES, LAST, PLAIN, **scores)
    return table


@pytest.mark.slow
def test_a_decision_chooses_one_embedding_a_task_and_no_control(decision: pd.DataFrame) -> None:
    assert set(decision["embedding"]) == {"task.tfidf", "task.one_hot"}
    chosen = decision[decision["chosen"] & (decision["task"] == "topic")]
    assert len(chosen) == 1 and set(decision["origin"]) == {"task"}


def test_a_budget_leaves_out_what_costs_more(facts: pa.Table, scores: dict[str, Any]) -> None:
    tight = DecisionOptions(budgets={"bytes_per_item": 0.001})
    table, relaxations, _ = decide_on_embedding(tight, REPORT, facts, TIMES, LAST, PLAIN, **scores)
    assert not table["chosen"].any() and "bytes_per_item" in set(relaxations["budget"])


def test_what_a_budgeted_run_dropped_makes_the_decision_as_strict_as_if_it_were_there(
    facts: pa.Table, scores: dict[str, Any], decision: pd.DataFrame
) -> None:
    of_round = {"round": 1, "task": "topic", "kind": "classification", "origin": "domain", "method": "glove"}
    of_round |= {"state": "dropped", "metric": "accuracy", "n": 50, "of": 100, "value": 0.1}
    standings = [Standing.model_validate({**of_round, "embedding": f"domain.glove_{number}"}) for number in range(40)]
    outcome = Outcome(is_decided=True, budget="10min", level=0.05, standings=standings)
    strict, _, _ = decide_on_embedding(
        DecisionOptions(), REPORT, facts, TIMES, LAST, ChoosingOptions(outcome=outcome), **scores
    )
    before, after = (table[table["task"] == "topic"].set_index("embedding")["bound"].min() for table in (decision, strict))
    assert after < before


def test_an_embedding_without_the_cut_off_that_is_required_does_not_compete(
    topic: dict[str, pa.Table], facts: pa.Table, scores: dict[str, Any], tmp_path: Path
) -> None:
    """Texts of unknown words can be refused, and those of the classes' own words cannot."""
    folders = NO_FOLDERS.model_copy(update={"raw": tmp_path, "project": tmp_path})
    inputs = {**scores, "task_topic": topic, "definition_topic": DEFINITION}
    options = DecisionOptions(refuse={"topic": RefusalOptions(recall=0.7)})
    found = {}
    for name, words in (("strange", "of and by"), ("alike", "the sand tide gull")):
        texts = [f"{words} {number}" for number in range(60)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["text", *texts]))
        source = UnanswerableOptions(source=CsvSource(path=f"{name}.csv"))
        unanswerable = CutoffOptions(level=0.1, unanswerable={"topic": source})
        table = measure_required_cutoffs(options, unanswerable, REPORT, folders, facts, LAST, **inputs)
        assert sorted(table["embedding"]) == ["task.one_hot", "task.tfidf"]
        found[name], _, _ = decide_on_embedding(options, REPORT, facts, TIMES, LAST, PLAIN, as_table(table), **scores)
    assert found["strange"]["fits"].all() and found["strange"]["chosen"].sum() == 1
    assert not found["alike"]["fits"].any() and not found["alike"]["chosen"].any()
    assert found["alike"]["reason"].str.contains("cut-off").all()
    nothing = measure_required_cutoffs(DecisionOptions(), unanswerable, REPORT, folders, facts, LAST, **inputs)
    assert nothing.empty and list(nothing.columns) == list(CUTOFFS)


def test_without_embeddings_of_several_sizes_the_table_of_sizes_has_no_rows(facts: pa.Table, scores: dict[str, Any]) -> None:
    table = choose_sizes(DecisionOptions(), REPORT, facts, TIMES, LAST, **scores)
    assert table.empty and list(table.columns) == [*SIZES, "origin"]


def export(decision: pd.DataFrame, facts: pa.Table, scores: Any, topic: Any, folder: Path, force: bool = False) -> Any:
    folders = Folders(**dict.fromkeys(Folders.model_fields, folder))
    inputs = {**scores, "task_topic": topic, "definition_topic": DEFINITION}
    return export_chosen(DeployOptions(force=force), CutoffOptions(), REPORT, as_table(decision), facts, folders, **inputs)


def test_the_chosen_embedding_becomes_a_bundle_that_answers(
    decision: pd.DataFrame, facts: pa.Table, scores: dict[str, Any], topic: dict[str, pa.Table], tmp_path: Path
) -> None:
    bundles = export(decision, facts, scores, topic, tmp_path)
    assert list(bundles) == ["topic"] and bundles["topic"].facts["method"] in ("tfidf", "one_hot")
    answers = bundles["topic"].model.answer(["the tide and a gull", "fern and moss"])
    assert list(answers["label"]) == ["sea", "wood"]


def test_nothing_that_is_no_better_than_a_control_is_exported_unless_it_is_forced(
    decision: pd.DataFrame, facts: pa.Table, scores: dict[str, Any], topic: dict[str, pa.Table], tmp_path: Path
) -> None:
    worthless = decision.assign(standing=NOT_ABOVE_FLOOR, floor="control.shuffled_tfidf")
    with pytest.raises(DataError, match="deploy --force"):
        export(worthless, facts, scores, topic, tmp_path)
    assert list(export(worthless, facts, scores, topic, tmp_path, force=True)) == ["topic"]
