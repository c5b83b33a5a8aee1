"""Judgments as data sets have them: BEIR's folders, TREC's files, columns of any name, grades of any number."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from emb_pipeline.embeddings.retrieval.bm25 import Bm25
from emb_pipeline.errors import DataError
from emb_pipeline.readers.files.named_files import first_rows
from emb_pipeline.tasks.retrieval.evaluate import evaluate_retrieval
from emb_pipeline.tasks.retrieval.options import RetrievalOptions
from emb_pipeline.tasks.retrieval.reader import RetrievalReader
from emb_pipeline.tasks.retrieval.task import RetrievalTask

READER = RetrievalReader()
TABLES = {"reader": "tables", "queries": "q.csv", "passages": "p.csv", "qrels": "r.csv"}
PAIRS = {"reader": "pairs", "path": "pairs.csv"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "q.csv").write_text("query_id,text\nq1,red kettle\nq2,garden hose\n")
    (tmp_path / "p.csv").write_text("passage_id,text\np1,a red kettle\np2,a hose for the garden\np3,a desk\n")
    return tmp_path


def read(folder: Path, source: dict[str, Any]) -> dict[str, Any]:
    made = TypeAdapter[Any](READER.source_type).validate_python(source)
    return READER.read(made, folder / "raw", folder, "search")


def judgments(tables: dict[str, Any]) -> list[tuple[str, str, float]]:
    return [tuple(row.values()) for row in tables["qrels"].to_pylist()]


def counts(tables: dict[str, Any]) -> dict[str, int]:
    return {row["check"]: row["count"] for row in READER.audit(tables).to_pylist()}


def scores(tables: dict[str, Any]) -> dict[str, float]:
    return evaluate_retrieval(RetrievalTask.from_tables(tables), Bm25(), RetrievalOptions(latency_requests=0)).metrics


# --- a column that is not named ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["score", "grade", "iteration", "Relevance"])
def test_a_further_column_of_judgments_is_refused_until_it_is_named(folder: Path, column: str) -> None:
    (folder / "r.csv").write_text(f"query_id,passage_id,{column}\nq1,p1,1\nq1,p2,0\nq2,p2,2\n")
    with pytest.raises(DataError, match=rf"r\.csv: the column '{column}' .* say 'relevance: {column}'"):
        read(folder, TABLES)
    assert judgments(read(folder, {**TABLES, "relevance": column})) == [("q1", "p1", 1), ("q1", "p2", 0), ("q2", "p2", 2)]
    assert judgments(read(folder, {**TABLES, "relevance": False})) == [("q1", "p1", 1), ("q1", "p2", 1), ("q2", "p2", 1)]


def test_a_named_grade_that_is_not_there_is_refused(folder: Path) -> None:
    (folder / "r.csv").write_text("query_id,passage_id\nq1,p1\nq2,p2\n")
    with pytest.raises(DataError, match="there is no column 'relevance'"):
        read(folder, {**TABLES, "relevance": "relevance"})
    assert judgments(read(folder, TABLES)) == [("q1", "p1", 1), ("q2", "p2", 1)]


def test_a_column_beside_the_grade_is_no_trouble(folder: Path) -> None:
    (folder / "r.csv").write_text("query_id,iteration,passage_id,relevance\nq1,Q0,p1,1\nq2,Q0,p2,0\nq2,Q0,p3,1\n")
    assert judgments(read(folder, TABLES)) == [("q1", "p1", 1), ("q2", "p2", 0), ("q2", "p3", 1)]


def test_json_lines_are_asked_in_every_row(folder: Path) -> None:
    rows = [{"query_id": "q1", "passage_id": "p1"}, {"query_id": "q2", "passage_id": "p2", "score": 0}]
    (folder / "r.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(DataError, match="the column 'score'"):
        read(folder, {**TABLES, "qrels": "r.jsonl"})


@pytest.mark.parametrize("column", ["label", "score", "Relevance"])
def test_pairs_with_what_looks_like_a_grade_ask_for_it(folder: Path, column: str) -> None:
    (folder / "pairs.csv").write_text(f"query,passage,topic,{column}\nwho,Ann,x,1\nwho,rain,x,0\nwhen,noon,y,1\n")
    with pytest.raises(DataError, match=f"say 'relevance: {column}'"):
        read(folder, PAIRS)
    assert [grade for *_, grade in judgments(read(folder, {**PAIRS, "relevance": column}))] == [1, 0, 1]
    assert [grade for *_, grade in judgments(read(folder, {**PAIRS, "relevance": False}))] == [1, 1, 1]


# --- grades -----------------------------------------------------------------------------------------------------------


def test_grades_are_numbers_and_what_is_not_above_0_is_irrelevant(folder: Path) -> None:
    (folder / "r.csv").write_text("query_id,passage_id,relevance\nq1,p1,0.5\nq1,p2,-2\nq1,p3,1.5\nq2,p2,1.0\nq2,p1,0\n")
    tables = read(folder, TABLES)
    assert judgments(tables)[:3] == [("q1", "p1", 0.5), ("q1", "p2", -2), ("q1", "p3", 1.5)]
    assert counts(tables)["negative_grades"] == 1
    # q1 finds p1, and p3 and p2 share no word with it; the gain of p2 is 0, not -2.
    task = RetrievalTask.from_tables(tables)
    np.testing.assert_array_equal(np.sort(task.qrels.toarray(), axis=1), [[0, 0.5, 1.5], [0, 0, 1]])
    assert task.judged is not None and task.judged.sum() == 5


@pytest.mark.parametrize("grade", ["yes", "", "nan", "inf"])
def test_a_grade_that_is_no_number_is_refused_with_all_others(folder: Path, grade: str) -> None:
    (folder / "r.csv").write_text(f"query_id,passage_id,relevance\nq1,p1,{grade}\nq9,p1,1\nq2,p2,1\n")
    with pytest.raises(DataError, match=r"(?s)row 2: relevance .* is no number.*row 3: query 'q9' is not in q\.csv"):
        read(folder, TABLES)


def test_queries_that_nothing_answers_are_counted_and_left_out(folder: Path) -> None:
    (folder / "q.csv").write_text("query_id,text\nq1,red kettle\nq2,garden hose\nq3,unjudged\nq4,irrelevant\n")
    (folder / "r.csv").write_text("query_id,passage_id,relevance\nq1,p1,1\nq2,p2,1\nq4,p3,0\n")
    tables = read(folder, TABLES)
    assert counts(tables)["queries_without_relevant"] == 2
    assert RetrievalTask.from_tables(tables).query_ids.tolist() == ["q1", "q2"]


# --- published layouts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "options"), [("r.qrels", {}), ("r.trec", {}), ("r.txt", {"qrels_format": "trec"})])
def test_judgments_of_trec_are_read(folder: Path, name: str, options: dict[str, str]) -> None:
    (folder / name).write_text("q1 0 p1 2\nq1\t0\tp3 -1\n\nq2  Q0 p2 1\n")
    tables = read(folder, {**TABLES, "qrels": name, **options})
    assert judgments(tables) == [("q1", "p1", 2), ("q1", "p3", -1), ("q2", "p2", 1)]
    (folder / name).write_text("q1 0 p1 2\nq2 p2 1\n")
    with pytest.raises(DataError, match="row 2: it has 3 fields, not the four of TREC"):
        read(folder, {**TABLES, "qrels": name, **options})


def write_beir(folder: Path) -> None:
    (folder / "qrels").mkdir(parents=True)
    corpus = [("d1", "Kettles", "red ones"), ("d2", "", "a garden hose"), ("d3", "Desks", "of oak")]
    lines = [json.dumps({"_id": name, "title": title, "text": text, "metadata": {}}) for name, title, text in corpus]
    with gzip.open(folder / "corpus.jsonl.gz", "wt") as file:
        file.write("\n".join(lines))
    queries = [("1", "red kettles"), ("2", "garden hose"), ("3", "oak desks"), ("4", "nobody asks")]
    lines = [json.dumps({"_id": name, "text": text, "metadata": {"x": []}}) for name, text in queries]
    (folder / "queries.jsonl").write_text("\n".join(lines))
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n1\td1\t1\n2\td2\t2\n2\td3\t0\n")
    (folder / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\n3\td3\t1\n1\td3\t1\n")


def test_a_folder_of_beir_is_read_as_it_is(tmp_path: Path) -> None:
    write_beir(tmp_path / "data" / "toy")
    tables = read(tmp_path, {"reader": "beir", "path": "data"})  # the folder, or the one above it
    assert judgments(tables) == [("1", "d1", 1), ("2", "d2", 2), ("2", "d3", 0)]
    assert dict(zip(*tables["passages"].select([0, 1]).to_pydict().values(), strict=True)) == {
        "d1": "Kettles\nred ones",
        "d2": "a garden hose",
        "d3": "Desks\nof oak",
    }
    assert tables["queries"]["query_id"].to_pylist() == ["1", "2"]  # those that are judged
    assert scores(tables)["ndcg@10"] == 1
    assert (
        "red ones" in read(tmp_path, {"reader": "beir", "path": "data/toy", "title": False})["passages"]["text"].to_pylist()
    )


def test_training_queries_of_beir_are_those_that_are_not_tested(tmp_path: Path) -> None:
    write_beir(tmp_path / "toy")
    source = {"reader": "beir", "path": "toy", "training": "train"}
    tables = read(tmp_path, source)
    assert dict(zip(*tables["queries"].select(["query_id", "split"]).to_pydict().values(), strict=True)) == {
        "1": "test",
        "2": "test",
        "3": "train",
    }
    assert READER.has_training_examples(TypeAdapter[Any](READER.source_type).validate_python(source))
    assert [len(side) for side in RetrievalTask.from_tables(tables).training_pairs()] == [1, 1]


def test_a_training_judgment_of_a_tested_query_is_not_evaluated_on(tmp_path: Path) -> None:
    write_beir(tmp_path / "toy")
    tables = read(tmp_path, {"reader": "beir", "path": "toy", "training": "train"})
    assert judgments(tables) == [("1", "d1", 1), ("2", "d2", 2), ("2", "d3", 0), ("3", "d3", 1)]


@pytest.mark.parametrize(
    ("options", "message"),
    [({"test": "dev"}, "none of its files matches '.*qrels/dev.tsv"), ({"path": "nowhere"}, "there is no such file")],
)
def test_a_folder_that_is_no_beir_is_refused(tmp_path: Path, options: dict[str, str], message: str) -> None:
    write_beir(tmp_path / "toy")
    with pytest.raises(DataError, match=message):
        read(tmp_path, {"reader": "beir", "path": "toy", **options})


def test_a_judgment_of_beir_without_its_document_can_be_skipped(tmp_path: Path) -> None:
    write_beir(tmp_path / "toy")
    with (tmp_path / "toy" / "qrels" / "test.tsv").open("a") as file:
        file.write("2\td9\t1\n")
    with pytest.raises(DataError, match=r"passage 'd9' is not in .*corpus.jsonl.gz.*on_error: skip"):
        read(tmp_path, {"reader": "beir", "path": "toy"})
    tables = read(tmp_path, {"reader": "beir", "path": "toy", "on_error": "skip"})
    assert counts(tables)["left_out_errors"] == 1 and len(judgments(tables)) == 3


# --- a query among its own passages -----------------------------------------------------------------------------------

TITLES = [f"{color} {thing}" for color in ("red", "blue") for thing in ("kettle", "hose", "desk", "lamp")]


@pytest.fixture
def doubles(tmp_path: Path) -> Path:
    """Each title is query and passage, and another passage says the same at more length."""
    queries = [f"t{number},{title}" for number, title in enumerate(TITLES)]
    longer = [f"p{number},{title} for sale here" for number, title in enumerate(TITLES)]
    (tmp_path / "q.csv").write_text("\n".join(["query_id,text", *queries]) + "\n")
    (tmp_path / "p.csv").write_text(
        "\n".join(["passage_id,text", *(row.upper().replace("T", "t", 1) for row in queries), *longer])
    )
    (tmp_path / "r.csv").write_text("query_id,passage_id\n" + "".join(f"t{n},p{n}\n" for n in range(8)) + "t0,t0\n")
    return tmp_path


def test_a_query_among_its_passages_is_counted_and_can_be_left_out(doubles: Path) -> None:
    tables = read(doubles, TABLES)
    assert counts(tables)["queries_among_passages"] == 7  # that of t0 is judged relevant
    assert scores(tables)["mrr@10"] == pytest.approx((7 / 2 + 1) / 8)
    for by in ("id", "text", "both"):
        tables = read(doubles, {**TABLES, "exclude_self": by})
        found = counts(tables)
        assert (found["queries_among_passages"], found["own_passages"]) == (0, 8)
        assert ("t0", "t0", 1) not in judgments(tables)
        assert scores(tables)["ndcg@10"] == 1


def test_equal_ids_of_other_words_are_reported(doubles: Path) -> None:
    (doubles / "p.csv").write_text((doubles / "p.csv").read_text().replace("t7,BLUE LAMP", "t7,something else"))
    found = counts(read(doubles, {**TABLES, "exclude_self": "id"}))
    assert found["own_passages_of_other_words"] == 1


def test_pairs_can_leave_the_query_out_by_its_words(tmp_path: Path) -> None:
    rows = [f"{title},{title} for sale here" for title in TITLES] + [f"{title},{title.upper()}" for title in TITLES]
    (tmp_path / "pairs.csv").write_text("\n".join(["query,passage", *rows]))
    assert scores(read(tmp_path, PAIRS))["ndcg@10"] == 1
    tables = read(tmp_path, {**PAIRS, "exclude_self": "text"})
    assert tables["excluded"].num_rows == 8 and len(judgments(tables)) == 8
    assert scores(tables)["ndcg@10"] == 1


def test_a_ranking_of_all_passages_shows_none_that_is_left_out(doubles: Path) -> None:
    task = RetrievalTask.from_tables(read(doubles, {**TABLES, "exclude_self": "id"}))
    metrics = evaluate_retrieval(task, Bm25(), RetrievalOptions(latency_requests=0, recall_cutoff=16)).metrics
    assert metrics["recall@16"] == 1


# --- first rows -------------------------------------------------------------------------------------------------------


def test_first_rows_are_checked_without_asking_what_only_the_whole_can_tell(folder: Path) -> None:
    def check(source: dict[str, Any]) -> None:
        with first_rows(2):
            READER.check_first_rows(TypeAdapter[Any](READER.source_type).validate_python(source), folder / "raw", folder)

    (folder / "r.csv").write_text("query_id,passage_id,relevance\nq1,p1,1\nq2,p3,1\nq2,p2,nonsense\n")
    check(TABLES)  # p3 stands in the third row of the passages, and the nonsense in the third row of the judgments
    (folder / "r.csv").write_text("query_id,passage_id,score\nq1,p1,1\n")
    with pytest.raises(DataError, match="relevance: score"):
        check(TABLES)
    (folder / "pairs.csv").write_text("query,passage,label\nwho,Ann,1\n")
    with pytest.raises(DataError, match="relevance: label"):
        check(PAIRS)
    write_beir(folder / "toy")
    check({"reader": "beir", "path": "toy"})
    (folder / "toy" / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\n1\td1\n")
    with pytest.raises(DataError, match="there is no column 'score'"):
        check({"reader": "beir", "path": "toy"})


# --- remedies of BEIR's layout ----------------------------------------------------------------------------------------


def test_what_is_said_of_beirs_layout_works(tmp_path: Path) -> None:
    write_beir(tmp_path / "toy")
    tables = {"queries": "toy/queries.jsonl", "passages": "toy/corpus.jsonl.gz", "qrels": "toy/qrels/test.tsv"}
    with pytest.raises(DataError, match="say 'reader: beir, path: …' with the folder"):
        read(tmp_path, {"reader": "tables", **tables, "query_id": "_id", "passage_id": "_id"})
    assert len(judgments(read(tmp_path, {"reader": "beir", "path": "toy"}))) == 3
    (tmp_path / "toy" / "corpus.jsonl.gz").unlink()
    lines = [json.dumps({"_id": f"d{number}", "text": f"text {number}"}) for number in (1, 2, 3)]
    (tmp_path / "toy" / "corpus.jsonl").write_text("\n".join(lines))
    with pytest.raises(DataError, match="there is no 'title'; say 'title: false'"):
        read(tmp_path, {"reader": "beir", "path": "toy"})
    assert len(judgments(read(tmp_path, {"reader": "beir", "path": "toy", "title": False}))) == 3
