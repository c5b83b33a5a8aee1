from __future__ import annotations

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from emb_pipeline.errors import DataError
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.tasks.registry import KINDS
from emb_pipeline.tasks.retrieval.options import RetrievalOptions
from emb_pipeline.tasks.retrieval.task import RetrievalTask
from emb_pipeline.tasks.scores import ITEM_SCORES, CellIdentity, build_item_scores, stamp_item_scores


def _examples(**columns: list[str | None]) -> dict[str, pa.Table]:
    table = {"example_id": ["1", "2"], "text": ["wet", "dry"], "label": ["sea", "soil"], "split": ["train", "test"]}
    return {"examples": pa.table({**table, **columns})}


def _retrieval(**columns: list[object]) -> dict[str, pa.Table]:
    qrels = {"query_id": ["q1", "q2"], "passage_id": ["p2", "p1"], "relevance": [1, 2], **columns}
    return {
        "queries": pa.table({"query_id": ["q1", "q2"], "text": ["where", "when"]}),
        "passages": pa.table({"passage_id": ["p1", "p2"], "text": ["noon", "here"]}),
        "qrels": pa.table(qrels),
    }


def test_a_classification_task_is_what_its_table_says() -> None:
    task = ClassificationTask.from_tables(_examples(), name="ground")
    assert list(task.texts) == ["wet", "dry"]
    assert task.labels.tolist() == ["sea", "soil"]
    assert task.split is not None and task.split.tolist() == ["train", "test"]
    assert task.codes.tolist() == [0, 1]


def test_groups_may_be_missing() -> None:
    task = ClassificationTask.from_tables(_examples(group=["a", "a"]))
    assert task.groups is not None and task.groups.tolist() == ["a", "a"]
    assert ClassificationTask.from_tables(_examples()).groups is None
    assert ClassificationTask.from_tables(_examples(group=[None, None])).groups is None


def test_a_split_that_is_empty_everywhere_is_no_split() -> None:
    assert ClassificationTask.from_tables(_examples(split=[None, None])).split is None


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"split": ["train", None]}, "row 2: split is empty"),
        ({"group": ["a", None]}, "row 2: group is empty"),
        ({"label": ["sea", None]}, "row 2: label is empty"),
        ({"example_id": ["1", "1"]}, "'1' occurs 2 times"),
    ],
)
def test_unusable_examples_are_refused_with_their_row(columns: dict[str, list[str | None]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        ClassificationTask.from_tables(_examples(**columns))


def test_a_missing_column_is_named() -> None:
    with pytest.raises(DataError, match="column 'label' is missing"):
        ClassificationTask.from_tables({"examples": pa.table({"example_id": ["1"], "text": ["wet"]})})


def test_a_retrieval_task_is_what_its_tables_say() -> None:
    task = RetrievalTask.from_tables(_retrieval())
    np.testing.assert_array_equal(task.qrels.toarray(), [[0, 1], [2, 0]])
    assert list(task.passages) == ["noon", "here"]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"passage_id": ["p2", "p9"]}, "row 2: passage_id 'p9' is unknown"),
        ({"relevance": [0, -1]}, "no query of the test has a relevant passage"),
        ({"query_id": ["q1", "q1"], "passage_id": ["p1", "p1"]}, "judged twice"),
    ],
)
def test_unusable_judgments_are_refused(columns: dict[str, list[object]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        RetrievalTask.from_tables(_retrieval(**columns))


def test_options_are_frozen_and_refuse_what_they_do_not_know() -> None:
    with pytest.raises(ValidationError):
        ClassificationOptions(fold=3)
    with pytest.raises(ValidationError):
        ClassificationOptions(folds=1)
    with pytest.raises(ValidationError, match="above"):
        ClassificationOptions(log10_c_low=3, log10_c_high=1)
    with pytest.raises(ValidationError):
        RetrievalOptions().recall_cutoff = 5


@pytest.mark.parametrize("options", [ClassificationOptions, RetrievalOptions])
def test_every_option_says_what_it_is(options: type[ClassificationOptions]) -> None:
    assert all(field.description for field in options.model_fields.values())


@pytest.mark.slow
def test_the_registry_loads_nothing_heavy() -> None:
    code = (
        "import sys, emb_pipeline.tasks.registry; "
        "sys.exit(any(m in sys.modules for m in ('sklearn', 'pyarrow', 'scipy', 'pandas', 'gensim')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_kinds_make_their_tasks_from_tables() -> None:
    assert isinstance(KINDS["classification"].create_task(_examples(), "ground"), ClassificationTask)
    assert isinstance(KINDS["retrieval"].create_task(_retrieval(), "search"), RetrievalTask)
    assert {name: kind.primary_metric for name, kind in KINDS.items()} == {
        "classification": "accuracy",
        "retrieval": "ndcg@10",
        "sequence_labeling": "f1",
        "token_classification": "accuracy",
        "similarity": "spearman",
        "multi_label": "micro_f1",
        "clustering": "v_measure",
        "pair_classification": "ap",
        "regression": "spearman",
        "extractive_qa": "answer_f1",
        "recommendation": "ndcg@10",
    }


def test_stamped_scores_carry_their_cell_on_every_row() -> None:
    scores = build_item_scores(np.array(["u1", "u2"]), np.array(["u1", "u1"]), {"accuracy": np.array([1, 0])})
    table = stamp_item_scores(scores, CellIdentity(origin="task", method="tfidf", task="ground", seed=3))
    assert table.schema == ITEM_SCORES
    assert table["embedding"].to_pylist() == ["task.tfidf"] * 2
    assert table["dim"].to_pylist() == [None, None]
    assert table["group_id"].to_pylist() == ["u1", "u1"]
    assert table["value"].to_pylist() == [1.0, 0.0]
    named = stamp_item_scores(
        scores, CellIdentity(origin="control", method="tfidf", task="ground", embedding="control.shuffled_tfidf")
    )
    assert named["embedding"][0].as_py() == "control.shuffled_tfidf"
    trained = stamp_item_scores(scores, CellIdentity(origin="domain", method="glove", dim=50, task="ground"))
    assert trained["embedding"][0].as_py() == "domain.glove_50"
