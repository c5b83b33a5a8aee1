"""What each kind of task keeps out of the corpora, and whether embeddings can be tuned on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import TypeAdapter

from emb_pipeline.errors import DataError
from emb_pipeline.tasks.registry import KINDS
from emb_pipeline.tasks.retrieval.sources import PairsSource, TablesSource


def examples(splits: list[str | None]) -> dict[str, pa.Table]:
    n = len(splits)
    columns = {
        "example_id": [str(i) for i in range(n)],
        "text": [f"text {i}" for i in range(n)],
        "label": ["a"] * n,
        "split": pa.array(splits, pa.string()),
    }
    return {"examples": pa.table(columns)}


def test_the_test_part_of_an_official_split_is_held_out() -> None:
    reader = KINDS["classification"].create_reader()
    assert reader.list_held_out(examples(["train", "test", "validation", "train"])) == ["text 1", "text 2"]


def test_everything_is_held_out_where_folds_are_used() -> None:
    assert KINDS["classification"].create_reader().list_held_out(examples([None, None])) == ["text 0", "text 1"]


def test_evaluated_queries_are_held_out_and_passages_are_not() -> None:
    tables = {
        "queries": pa.table({"query_id": ["q", "r"], "text": ["what is it", "learnt from"], "split": ["test", "train"]}),
        "passages": pa.table({"passage_id": ["p"], "text": ["it is this"]}),
        "qrels": pa.table({"query_id": ["q"], "passage_id": ["p"], "relevance": pa.array([1], pa.int32())}),
    }
    assert KINDS["retrieval"].create_reader().list_held_out(tables) == ["what is it"]


def test_both_texts_of_a_pair_are_held_out() -> None:
    pairs = pa.table({"pair_id": ["1"], "text_a": ["one"], "text_b": ["other"], "score": [0.5]})
    assert KINDS["similarity"].create_reader().list_held_out({"pairs": pairs}) == ["one", "other"]


def test_retrieval_can_be_tuned_on_where_its_source_names_training_queries() -> None:
    reader = KINDS["retrieval"].create_reader()
    assert not reader.has_training_examples(PairsSource(path="pairs.csv"))
    assert reader.has_training_examples(PairsSource(path="pairs.csv", training_queries=10))
    assert not reader.has_training_examples(PairsSource(path="pairs", splits={"test": "test.csv"}))
    assert reader.has_training_examples(PairsSource(path="pairs", splits={"train": "train.csv", "test": "test.csv"}))
    files = {"queries": "q.csv", "passages": "p.csv", "qrels": "r.csv"}
    assert not reader.has_training_examples(TablesSource(**files))
    assert reader.has_training_examples(TablesSource(**files, split="part"))


def test_extractive_answering_holds_out_questions_and_contexts_that_are_not_trained_on() -> None:
    columns = {"text": ["q1", "q2", "q3"], "context": ["c1", "c2", "c2"], "split": ["train", "validation", "test"]}
    assert KINDS["extractive_qa"].create_reader().list_held_out({"questions": pa.table(columns)}) == ["q2", "c2", "q3"]


def _squad(titles: dict[str, list[str]]) -> str:
    """Articles of one paragraph, with so many questions on it as there are names."""
    articles = []
    for title, names in titles.items():
        context = f"The {title} is red."
        asked = [
            {
                "id": name,
                "question": f"What color, {name}?",
                "answers": [{"text": "red", "answer_start": context.index("red")}],
            }
            for name in names
        ]
        articles.append({"title": title, "paragraphs": [{"context": context, "qas": asked}]})
    return json.dumps({"data": articles})


CLASSES = "text,label,split\n" + "".join(f"train {n},{'ab'[n % 2]},train\n" for n in range(8))
SENTENCES = [{"tokens": ["see", f"Ann{n}"], "tags": ["O", "B-PER"], "split": "train"} for n in range(4)]
ONE_TEST_UNIT = {
    "one test text": (
        "classification",
        {"x.csv": CLASSES + "new,a,test\n"},
        {"reader": "csv", "label": "label", "split": "split"},
    ),
    "two test texts of equal words": (
        "classification",
        {"x.csv": CLASSES + "New!,a,test\nnew,b,test\n"},
        {"reader": "csv", "label": "label", "split": "split"},
    ),
    "test texts of one group": (
        "classification",
        {
            "x.csv": "text,label,split,group\n"
            + "".join(f"t{n},{'ab'[n % 2]},{'train' if n < 6 else 'test'},g{n // 6}\n" for n in range(9))
        },
        {"reader": "csv", "label": "label", "split": "split", "group": "group"},
    ),
    "one query": ("retrieval", {"x.csv": "query,passage\nwho,Ann\n"}, {"reader": "pairs"}),
    "queries of equal words": (
        "retrieval",
        {
            "q.csv": "query_id,text\n1,Who?\n2,who\n",
            "p.csv": "passage_id,text\n1,Ann\n2,Bob\n",
            "r.csv": "query_id,passage_id\n1,1\n2,2\n",
        },
        {"reader": "tables", "queries": "q.csv", "passages": "p.csv", "qrels": "r.csv"},
    ),
    "one query that is answered": (
        "retrieval",
        {
            "q.csv": "query_id,text\n1,Who?\n2,when\n",
            "p.csv": "passage_id,text\n1,Ann\n2,Bob\n",
            "r.csv": "query_id,passage_id,relevance\n1,1,1\n2,2,0\n",
        },
        {"reader": "tables", "queries": "q.csv", "passages": "p.csv", "qrels": "r.csv"},
    ),
    "one test sentence": (
        "sequence_labeling",
        {"x.jsonl": "\n".join(json.dumps(row) for row in [*SENTENCES, {**SENTENCES[0], "split": "test"}])},
        {"reader": "jsonl", "split": "split"},
    ),
    "one sentence to train on": (
        "sequence_labeling",
        {"x.jsonl": "\n".join(json.dumps({**row, "split": "test" if n else "train"}) for n, row in enumerate(SENTENCES))},
        {"reader": "jsonl", "split": "split"},
    ),
    "one pair of texts, in both orders": (
        "similarity",
        {"x.csv": "text_a,text_b,score\n" + "".join(("one,other" if n % 2 else "other,one") + f",{n}\n" for n in range(12))},
        {"reader": "csv"},
    ),
    "test questions on one context": (
        "extractive_qa",
        {"train.json": _squad({"a": ["1"], "b": ["2"], "c": ["3"]}), "test.json": _squad({"d": ["4", "5"]})},
        {"reader": "squad", "splits": {"train": "train.json", "test": "test.json"}},
    ),
    "training questions on one context": (
        "extractive_qa",
        {"train.json": _squad({"a": ["1", "2"]}), "test.json": _squad({"d": ["4", "5"], "e": ["6"]})},
        {"reader": "squad", "splits": {"train": "train.json", "test": "test.json"}},
    ),
    "one user": (
        "recommendation",
        {"x.csv": "user,item,timestamp\n" + "".join(f"u,i{n},{n}\n" for n in range(12))},
        {"reader": "interactions", "core": 2},
    ),
}
"""Kind, files and source of tasks that nothing can be resampled of."""


@pytest.mark.parametrize("case", list(ONE_TEST_UNIT))
def test_a_task_that_nothing_can_be_resampled_of_is_refused_by_name(case: str, tmp_path: Path) -> None:
    kind, files, options = ONE_TEST_UNIT[case]
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    place: dict[str, Any] = {} if "queries" in options else {"path": str(tmp_path) if len(files) > 1 else next(iter(files))}
    reader = KINDS[kind].create_reader()
    source = TypeAdapter[Any](reader.source_type).validate_python({**options, **place})
    with pytest.raises(DataError, match=r"^onetask: "):
        reader.read(source, tmp_path / "raw", tmp_path, "onetask")
