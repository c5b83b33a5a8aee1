"""A query is a table like any file: its rows, its types, what it may read, and what makes them stale."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from emb_pipeline.errors import DataError
from emb_pipeline.hooks.api_keys import ApiKeys
from emb_pipeline.provenance.raw_files import FileHashes, fingerprint_inputs
from emb_pipeline.readers.documents import read_documents
from emb_pipeline.readers.files.named_files import named_files
from emb_pipeline.readers.formats.delimited import CsvSource
from emb_pipeline.readers.registry import CorpusSource
from emb_pipeline.readers.sql import names
from emb_pipeline.readers.sql.source import SqlSource
from emb_pipeline.readers.tables.rows import rows
from emb_pipeline.redaction import redact
from emb_pipeline.tasks.registry import KINDS

REVIEWS = "review,stars,day\n" + "".join(f"review {row} of it,{row % 5 + 1},2024-05-{row + 1:02}\n" for row in range(20))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "reviews.csv").write_text(REVIEWS)
    (tmp_path / "shop" / "names.jsonl").write_text('{"stars": 1, "name": "bad"}\n{"stars": 5, "name": "good"}\n')
    return tmp_path


def read_rows(query: str, project: Path, *columns: str) -> list[tuple[str, ...]]:
    source = SqlSource(query=query)
    (file,) = named_files(source, project / "raw", project)
    return [values for _, values in rows(file, source, columns)]


def refuse(query: str, project: Path) -> DataError:
    with pytest.raises(DataError) as refused:
        read_rows(query, project, "text")
    return refused.value


def read_task(kind: str, source: dict[str, Any], project: Path) -> dict[str, Any]:
    reader = KINDS[kind].create_reader()
    checked = TypeAdapter[Any](reader.source_type).validate_python(source)
    return dict(reader.read(checked, project / "raw", project, "task"))


def test_a_query_joins_files_of_other_formats(project: Path) -> None:
    query = """
        SELECT review AS text, name AS label
        FROM 'shop/*.csv' JOIN read_json('shop/names.jsonl') USING (stars)
        ORDER BY review
    """
    found = read_task("classification", {"reader": "sql", "query": query, "label": "label"}, project)["examples"]
    assert found["text"].to_pylist()[:2] == ["review 0 of it", "review 10 of it"]
    assert sorted(set(found["label"].to_pylist())) == ["bad", "good"] and found.num_rows == 8


def test_values_become_what_a_csv_would_give(project: Path) -> None:
    (project / "as.csv").write_text(
        "whole,half,day,moment,price,yes,nothing\n7,0.5,2024-05-31,2024-05-31T10:00:00,1.5,True,\n"
    )
    query = (
        "SELECT sum(7) AS whole, 0.5::DOUBLE AS half, DATE '2024-05-31' AS day, TIMESTAMP '2024-05-31 10:00:00' AS moment, "
        "1.50::DECIMAL(5, 2) AS price, true AS yes, NULL AS nothing"
    )
    columns = ("whole", "half", "day", "moment", "price", "yes", "nothing")
    source = CsvSource(path="as.csv")
    (file,) = named_files(source, project, project)
    assert read_rows(query, project, *columns) == [values for _, values in rows(file, source, columns)]


def test_lists_are_tokens_and_tags(project: Path) -> None:
    query = "SELECT ['Ann', 'saw', n::VARCHAR] AS tokens, ['B-PER', 'O', 'O'] AS tags FROM range(40) t(n)"
    found = read_task("sequence_labeling", {"reader": "sql", "query": query, "test_share": 0.4}, project)["sentences"]
    assert found["tokens"].to_pylist()[0] == ["Ann", "saw", "0"] and found.num_rows == 40


def test_a_corpus_and_a_split_are_queries_in_files(project: Path) -> None:
    for name, condition in (("train", "<"), ("test", ">=")):
        query = f"SELECT review AS text, stars % 2 AS label FROM 'shop/reviews.csv' WHERE day {condition} '2024-05-11'\n"
        (project / "shop" / f"{name}.sql").write_text(query)
    splits = {"train": "train.sql", "test": "test.sql"}
    found = read_task("classification", {"reader": "sql", "path": "shop", "splits": splits, "label": "label"}, project)
    assert found["examples"]["split"].to_pylist() == ["train"] * 10 + ["test"] * 10
    source = TypeAdapter[Any](CorpusSource).validate_python({"reader": "sql", "path": "shop/test.sql"})
    assert next(read_documents([source], project / "raw", project)) == ("shop/test.sql:shop/test.sql:1", "review 10 of it")


def test_a_query_stands_wherever_a_suffix_names_a_table(project: Path) -> None:
    texts = "SELECT 'p' || n AS passage_id, 'passage number ' || n AS text FROM range(12) t(n)"
    (project / "p.sql").write_text(texts)
    (project / "q.sql").write_text(texts.replace("passage_id", "query_id").replace("'passage", "'query"))
    (project / "j.sql").write_text("SELECT 'p' || n AS query_id, 'p' || n AS passage_id FROM range(12) t(n)")
    tables = {"reader": "tables", "queries": "q.sql", "passages": "p.sql", "qrels": "j.sql"}
    assert read_task("retrieval", tables, project)["passages"].num_rows == 12
    clicks = "SELECT 'u' || (n % 12) AS user, 'i' || (n // 12) AS item, n AS timestamp FROM range(96) t(n)"
    (project / "clicks.sql").write_text(clicks)
    (project / "i.sql").write_text("SELECT 'i' || n AS item, 'item ' || n AS text FROM range(8) t(n)")
    source = {"reader": "interactions", "path": "clicks.sql", "items": "i.sql", "core": 2}
    assert read_task("recommendation", source, project)


def test_a_query_that_is_wrong_is_refused_with_its_line_and_what_duckdb_says(project: Path) -> None:
    (project / "bad.sql").write_text("SELECT review AS text,\n  star\nFROM 'shop/reviews.csv'\n")
    source = SqlSource(path="bad.sql")
    (file,) = named_files(source, project / "raw", project)
    with pytest.raises(DataError, match=r'bad.sql, line 2: .*"star" not found.*"stars"'):
        list(rows(file, source, ("text",)))
    assert refuse("SELECT\n1 AS text\nFORM x y", project).place == "query, line 3"
    assert refuse("ATTACH ':memory:' AS m (READ_ONLY);\n\nSELECT z", project).place.startswith("query")


def test_other_mistakes_have_a_remedy_that_works(project: Path) -> None:
    missing = refuse("SELECT review FROM 'shop/reviews.csv'", project)
    assert missing.reason == "there is no column 'text'" and "review" in missing.remedy
    assert (
        refuse("SELECT review AS text FROM 'shop/reviews.csv' WHERE stars > 9", project).reason == "the query gives no row"
    )
    assert "'shop/sales.csv' is not there" in refuse("SELECT * FROM 'shop/sales.csv'", project).reason
    assert refuse("SELECT 1 AS text, 2 AS text", project).reason == "two columns are called 'text'"
    interval = refuse("SELECT INTERVAL 1 DAY AS text", project)
    assert "INTERVAL" in interval.reason
    cast = interval.remedy.removeprefix("make it a text: ").replace('"text"', "INTERVAL 1 DAY")
    assert read_rows(f"SELECT {cast} AS text", project, "text") == [("1 day",)]
    with pytest.raises(ValidationError, match=r"exactly one of 'path' \(files with a query each\) and 'query'"):
        SqlSource(query="SELECT 1", path="a.sql")
    with pytest.raises(ValidationError, match="'splits' is for files with a query each"):
        SqlSource(query="SELECT 1", splits={"train": "a.sql", "test": "b.sql"})


@pytest.mark.parametrize(
    "query",
    [
        "COPY (SELECT 1) TO 'shop/reviews.csv'",
        "CREATE TABLE t AS SELECT 1 AS text",
        "SET threads = 2; SELECT 1 AS text",
        "INSTALL httpfs; SELECT 1 AS text",
        "ATTACH 'shop/new.duckdb' AS new; SELECT 1 AS text",
    ],
)
def test_a_query_changes_nothing(query: str, project: Path) -> None:
    before = sorted(project.rglob("*"))
    assert "SELECT" in refuse(query, project).reason or "before the query" in refuse(query, project).reason
    assert [path for path in sorted(project.rglob("*")) if "raw" not in path.parts] == before
    assert (project / "shop" / "reviews.csv").read_text() == REVIEWS


@pytest.mark.parametrize(
    "query",
    [
        "SELECT content AS text FROM read_text('sho' || 'p/reviews.csv')",
        "SELECT content AS text FROM read_text('/proc/self/' || 'environ')",
        "SELECT file AS text FROM glob('shop/' || '*')",
    ],
)
def test_a_query_reads_no_file_that_no_text_of_it_names(query: str, project: Path) -> None:
    assert "no text in the query names it" in refuse(query, project).reason


def test_files_of_a_query_count_for_its_freshness(project: Path) -> None:
    source = SqlSource(query="SELECT review AS text FROM 'shop/*.csv' -- 'shop/names.jsonl'")

    def fingerprint() -> dict[str, str]:
        return fingerprint_inputs(source, project / "raw", project, FileHashes())

    before = fingerprint()
    assert {"shop/reviews.csv"} == {name for name in before if name.startswith("shop/")}
    (project / "shop" / "names.jsonl").write_text("")
    assert fingerprint() == before
    (project / "shop" / "more.csv").write_text("review\nanother\n")
    after = fingerprint()
    assert set(after) - set(before) == {"shop/more.csv"}
    (project / "shop" / "more.csv").write_text("review\nand another\n")
    assert fingerprint() != after


def test_the_files_of_queries_of_every_table_count(project: Path) -> None:
    (project / "i.sql").write_text("SELECT 1 AS item, review AS text FROM 'shop/reviews.csv'")
    (project / "clicks.csv").write_text("user,item,timestamp\n")
    source = {"reader": "interactions", "path": "clicks.csv", "items": "i.sql"}
    model = TypeAdapter[Any](KINDS["recommendation"].create_reader().source_type).validate_python(source)
    assert {"clicks.csv", "i.sql", "shop/reviews.csv"} == set(
        fingerprint_inputs(model, project / "raw", project, FileHashes())
    )
    tables = {"reader": "tables", "queries": "i.sql", "passages": "clicks.csv", "qrels": "clicks.csv"}
    model = TypeAdapter[Any](KINDS["retrieval"].create_reader().source_type).validate_python(tables)
    assert "shop/reviews.csv" in fingerprint_inputs(model, project / "raw", project, FileHashes())


def test_an_answer_is_stored_until_a_file_changes(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    file = project / "shop" / "reviews.csv"
    settle(file, monkeypatch)
    query = "SELECT review AS text FROM 'shop/reviews.csv'"
    monkeypatch.setattr("emb_pipeline.readers.sql.answer._require_reading", lambda *given: asked.append(given))
    assert len(read_rows(query, project, "text")) == len(read_rows(query, project, "text")) == 20
    assert len(asked) == 1
    file.write_text("review\none\n")
    settle(file, monkeypatch)
    assert read_rows(query, project, "text") == [("one",)] and len(asked) == 2


def settle(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let so much time go by that the file's own is trusted."""
    later = max(file.stat().st_mtime_ns, file.stat().st_ctime_ns) + 10**10
    monkeypatch.setattr("emb_pipeline.readers.stored_tables.time.time_ns", lambda: later)


def test_rows_without_an_order_come_in_the_same_one(project: Path) -> None:
    query = "SELECT n % 1000 AS text, count(*) AS n FROM range(200000) t(n) GROUP BY 1"
    first = read_rows(query, project, "text")
    for path in (project / "raw" / "queries").glob("*/made_of.json"):
        path.unlink()
    assert read_rows(query, project, "text") == first


def test_a_database_of_duckdb_is_attached(project: Path) -> None:
    import duckdb

    with duckdb.connect(str(project / "shop.duckdb")) as made:
        made.execute("CREATE TABLE reviews AS SELECT 'a review' AS text")
    query = "ATTACH 'shop.duckdb' AS shop (READ_ONLY);\nSELECT text FROM shop.reviews"
    assert read_rows(query, project, "text") == [("a review",)]
    assert project / "shop.duckdb" in SqlSource(query=query).find_files(project / "raw", project)


def test_a_database_by_its_name_keeps_its_address_secret(
    project: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import duckdb

    place = project / "secret-place.duckdb"
    with duckdb.connect(str(place)) as made:
        made.execute("CREATE TABLE reviews AS SELECT 'a review' AS text")
    monkeypatch.setenv(f"{names.DATABASE}STORE", str(place))
    query = "SELECT text FROM store.reviews"
    with caplog.at_level("INFO"):
        assert read_rows(query, project, "text") == [("a review",)]
    assert "to ask again" in caplog.text and "secret-place" not in caplog.text
    assert redact(f"cannot open {place}") == "cannot open ***"
    place.unlink()
    assert read_rows(query, project, "text") == [("a review",)]  # asked once
    source = SqlSource(query=query)
    (answer,) = (path for path in source.find_files(project / "raw", project) if path.suffix == ".parquet")
    answer.unlink()
    assert not any(path.suffix == ".parquet" for path in source.find_files(project / "raw", project))
    error = refuse("SELECT text FROM store.reviews ", project)
    assert "secret-place" not in str(error) and "***" in str(error)


@pytest.mark.parametrize("address", ["postgresql://ann:pass%20word@127.0.0.1:1/shop", "dbname=x password=pass-word"])
def test_a_password_is_in_no_message(address: str, project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))  # no extension is there
    monkeypatch.setenv(f"{names.DATABASE}SHOP", address)
    error = refuse("SELECT text FROM shop.public.reviews", project)
    assert "word" not in str(error).replace("password=", "")


def test_an_object_store_needs_an_extension(project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "never-shown-key")
    error = refuse("SELECT text FROM 's3://bucket/reviews/*.parquet'", project)
    assert "httpfs" in error.reason and "INSTALL httpfs" in error.remedy and "never-shown" not in str(error)
    assert read_rows("SELECT 'https://a.org' AS text WHERE 'https://a.org' = 'https://a.org'", project, "text")


def test_a_credential_names_a_database(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{names.DATABASE}SHOP", "")  # undone at the end of the test
    monkeypatch.delenv(f"{names.DATABASE}SHOP")
    credentials = {"api_keys": {}, "databases": {"shop": "shop.duckdb"}}
    ApiKeys().after_context_created(SimpleNamespace(config_loader={"credentials": credentials}))
    assert names.find_names("SELECT text FROM shop.reviews", project).databases == ("shop",)
    assert names.find_names("SELECT 'shop' AS text", project).databases == ()


def test_a_text_without_a_file_is_a_text(project: Path) -> None:
    found = names.find_names(
        "SELECT 'it''s', \"shop/reviews.csv\", 'ä', 'shop/reviews.csv' FROM t -- 'shop/names.jsonl'", project
    )
    assert found.files == (project / "shop" / "reviews.csv",) and not found.leave_the_machine
    place = project / "shop" / "reviews.csv"
    assert found.text == f"SELECT 'it''s', \"{place}\", 'ä', '{place}' FROM t -- 'shop/names.jsonl'"


def test_a_mark_before_a_query_is_skipped(project: Path) -> None:
    (project / "a.sql").write_bytes("\ufeffSELECT 'é' AS text".encode())
    source = SqlSource(path="a.sql")
    (file,) = named_files(source, project / "raw", project)
    assert [values for _, values in rows(file, source, ("text",))] == [("é",)]
