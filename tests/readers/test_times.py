"""Times of rows: what is read, in which zone, and what is refused."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import TypeAdapter

from emb_pipeline.errors import DataError
from emb_pipeline.readers.tables.times import TimeColumn
from emb_pipeline.tasks.classification.sources import TransferSource
from emb_pipeline.tasks.registry import KINDS

MOMENT = datetime(2024, 5, 31, 16, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2024-05-31T18:30:00+02:00", MOMENT),
        ("2024-05-31 16:30", MOMENT),
        ("2024-05-31T16:30:00Z", MOMENT),
        (" 2024-05-31 18:30:00 +02:00 ", MOMENT),
        ("2024-05-31T11:00:00-0530", MOMENT),
        ("20240531T163000", MOMENT),
        ("2024-05-31T16:30:00.123456789", MOMENT.replace(microsecond=123456)),
        ("1717173000", MOMENT),
        ("1717173000.0", MOMENT),
        ("1717173000.25", MOMENT.replace(microsecond=250_000)),
        ("1717173000123", MOMENT.replace(microsecond=123_000)),
        ("1717173000123456", MOMENT.replace(microsecond=123_456)),
        ("1717173000123456789", MOMENT.replace(microsecond=123_456)),
        ("-874965758", datetime(1970, 1, 1, tzinfo=UTC) - timedelta(seconds=874965758)),
        ("2024-05-31", datetime(2024, 5, 31, tzinfo=UTC)),
        ("20240531", datetime(2024, 5, 31, tzinfo=UTC)),
        ("2024-05", datetime(2024, 5, 1, tzinfo=UTC)),
        ("2024", datetime(2024, 1, 1, tzinfo=UTC)),
        ("2024.0", datetime(2024, 1, 1, tzinfo=UTC)),
        (date(2024, 5, 31), datetime(2024, 5, 31, tzinfo=UTC)),
        (datetime(2024, 5, 31, 18, 30, tzinfo=timezone(timedelta(hours=2))), MOMENT),
        (datetime(2024, 5, 31, 16, 30), MOMENT),
        (1717173000, MOMENT),
        ("", None),
        (None, None),
        (float("nan"), None),
    ],
)
def test_a_time_is_read_in_utc(written: object, meant: datetime | None) -> None:
    assert TimeColumn("sent").parse(written, "a.csv, row 2") == meant


@pytest.mark.parametrize(
    "written",
    [
        *("31/05/2024", "05-31-2024", "2024-13", "2024-02-30", "2024-05-31 24:30", "99999999", "12345", "0000", "May 2024"),
        *("2024-W22", "True", "0001-01-01T00:00:00+05:00", "10:30", "\u0662\u0660\u0662\u0664"),
    ],
)
def test_what_is_no_time_is_refused_with_file_row_value_and_remedy(written: str) -> None:
    with pytest.raises(DataError, match=re.escape(f"a.csv, row 2: sent '{written}' is no time; write 2024-05-31, ")):
        TimeColumn("sent").parse(written, "a.csv, row 2")


def test_a_column_is_written_in_one_way() -> None:
    column = TimeColumn("sent")
    column.parse("2024-05-31", "row 2")
    column.parse("2024-05-31T10:00:00Z", "row 3")
    with pytest.raises(
        DataError, match=r"row 4: sent '1717173000' is written as seconds since 1970, that of row 2 as date; w"
    ):
        column.parse("1717173000", "row 4")
    with pytest.raises(
        DataError, match="is written as date with a time of day, that of row 3 as date with a time of day and"
    ):
        column.parse("2024-05-31T10:00:00", "row 5")
    years = TimeColumn("sent")
    years.parse("2023", "row 2")
    with pytest.raises(DataError, match="write all values of the column in one way"):
        years.parse("2023-05", "row 3")


ROWS = {
    "classification": ("text,label,{t}\n", [f"text {i},{'ab'[i % 2]},{{}}\n" for i in range(12)], {"label": "label"}),
    "clustering": ("text,label,{t}\n", [f"text {i},{'ab'[i % 2]},{{}}\n" for i in range(12)], {"label": "label"}),
    "regression": ("text,target,{t}\n", [f"text {i},{i},{{}}\n" for i in range(12)], {}),
    "multi_label": (
        "text,label,{t}\n",
        [f"text {i},{'a;b'[: 1 + 2 * (i % 2)]},{{}}\n" for i in range(12)],
        {"label": "label"},
    ),
    "similarity": ("text_a,text_b,score,{t}\n", [f"text {i},other {i},{i},{{}}\n" for i in range(12)], {}),
    "pair_classification": ("text_a,text_b,label,{t}\n", [f"text {i},other {i},{i % 2},{{}}\n" for i in range(12)], {}),
    "retrieval": ("query,passage,{t}\n", [f"what is {i},answer {i},{{}}\n" for i in range(12)], {}),
}


@pytest.mark.parametrize("kind", ROWS)
def test_each_kind_carries_the_time_to_its_examples(kind: str, tmp_path: Path) -> None:
    head, lines, options = ROWS[kind]
    if kind == "multi_label":
        options = {**options, "separator": ";"}
    days = ["" if number == 3 else f"2024-05-{number + 1:02d}" for number in range(12)]
    written = head.format(t="sent") + "".join(line.format(day) for line, day in zip(lines, days, strict=True))
    (tmp_path / "a.csv").write_text(written)
    reader = "pairs" if kind == "retrieval" else "csv"
    table = _read(kind, {"reader": reader, "path": "a.csv", **options, "time": "sent"}, tmp_path)
    assert table.schema.field("time").type == pa.timestamp("us", "UTC")
    found = sorted(each for each in table["time"].to_pylist() if each is not None)
    assert found == [datetime(2024, 5, number + 1, tzinfo=UTC) for number in range(12) if number != 3]
    assert "time" not in _read(kind, {"reader": reader, "path": "a.csv", **options}, tmp_path).column_names

    (tmp_path / "a.csv").write_text(written.replace("2024-05-02", "yesterday"))
    with pytest.raises(DataError, match=r"a\.csv, row 3: sent 'yesterday' is no time"):
        _read(kind, {"reader": reader, "path": "a.csv", **options, "time": "sent"}, tmp_path)
    (tmp_path / "a.csv").write_text(head.format(t="sent") + "".join(line.format("") for line in lines))
    with pytest.raises(
        DataError, match="column 'sent' is empty in every row; name another column under 'time', or leave it"
    ):
        _read(kind, {"reader": reader, "path": "a.csv", **options, "time": "sent"}, tmp_path)
    with pytest.raises(DataError, match="there is no column 'when'"):
        _read(kind, {"reader": reader, "path": "a.csv", **options, "time": "when"}, tmp_path)


def _read(kind: str, source: dict[str, Any], folder: Path) -> pa.Table:
    reader = KINDS[kind].create_reader()
    tables = reader.read(TypeAdapter(reader.source_type).validate_python(source), folder, folder, "task")
    return next(tables[name] for name in ("examples", "pairs", "queries") if name in tables)


def test_times_of_parquet_keep_their_zone_and_a_feature_may_be_the_time_too(tmp_path: Path) -> None:
    zoned = pa.array([1717173000 + 86400 * number for number in range(8)], pa.timestamp("s", "America/New_York"))
    columns = {"label": ["a", "b"] * 4, "sent": zoned, "year": [2020 + number for number in range(8)]}
    pq.write_table(pa.table({"text": [f"text {number}" for number in range(8)], **columns}), tmp_path / "a.parquet")
    source = {"reader": "parquet", "path": "a.parquet", "label": "label"}
    times = _read("classification", {**source, "time": "sent"}, tmp_path)["time"].to_pylist()
    assert sorted(times)[0] == MOMENT and len(set(times)) == 8
    table = _read("classification", {**source, "time": "year", "features": {"numeric": ["year"]}}, tmp_path)
    assert sorted(each.year for each in table["time"].to_pylist()) == list(range(2020, 2028))


def test_sentences_and_queries_of_tables_and_beir_carry_it_too(tmp_path: Path) -> None:
    lines = [
        f'{{"tokens": ["a", "b{i}"], "tags": ["O", "B-x"], "split": "{["train", "test"][i % 2]}", "sent": "20{i + 10}"}}'
        for i in range(12)
    ]
    (tmp_path / "s.jsonl").write_text("\n".join(lines))
    source = TypeAdapter(KINDS["sequence_labeling"].create_reader().source_type).validate_python(
        {"reader": "jsonl", "path": "s.jsonl", "split": "split", "time": "sent"}
    )
    tables = KINDS["sequence_labeling"].create_reader().read(source, tmp_path, tmp_path, "task")
    sentences = next(table for table in tables.values() if "tags" in table.column_names)
    assert sorted(each.year for each in sentences["time"].to_pylist()) == list(range(2010, 2022))

    (tmp_path / "queries.csv").write_text("query_id,text,sent\n" + "".join(f"q{i},what {i},20{i + 10}\n" for i in range(12)))
    (tmp_path / "passages.csv").write_text("passage_id,text\n" + "".join(f"p{i},that {i}\n" for i in range(12)))
    (tmp_path / "qrels.csv").write_text("query_id,passage_id\n" + "".join(f"q{i},p{i}\n" for i in range(12)))
    files = {name: f"{name}.csv" for name in ("queries", "passages", "qrels")}
    queries = _read("retrieval", {"reader": "tables", **files, "time": "sent"}, tmp_path)
    assert [each.year for each in queries["time"].to_pylist()] == list(range(2010, 2022))

    (tmp_path / "beir/qrels").mkdir(parents=True)
    for name, prefix, more in ("queries", "q", ', "metadata": {}'), ("corpus", "p", ', "title": ""'):
        rows = [f'{{"_id": "{prefix}{i}", "text": "{name} {i}", "sent": {1717173000 + i}{more}}}' for i in range(12)]
        (tmp_path / f"beir/{name}.jsonl").write_text("\n".join(rows))
    judged = "".join(f"q{i}\tp{i}\t1\n" for i in range(12))
    (tmp_path / "beir/qrels/test.tsv").write_text("query-id\tcorpus-id\tscore\n" + judged)
    queries = _read("retrieval", {"reader": "beir", "path": "beir", "time": "sent"}, tmp_path)
    assert sorted(queries["time"].to_pylist())[:2] == [MOMENT, MOMENT + timedelta(seconds=1)]


def test_what_cannot_carry_a_time_refuses_it(tmp_path: Path) -> None:
    from emb_pipeline.readers import documents
    from emb_pipeline.readers.formats.delimited import CsvSource

    (tmp_path / "a.csv").write_text("text,sent\nred fish,2024\n")
    with pytest.raises(DataError, match="texts of a corpus have no scores by period; leave 'time' out: it is for tasks"):
        list(documents.read_documents([CsvSource(reader="csv", path="a.csv", time="sent")], tmp_path, tmp_path))
    csv = {"reader": "csv", "path": "a.csv", "label": "label"}
    with pytest.raises(ValueError, match="'time' is of texts that are tested on"):
        TransferSource.model_validate({"train": {**csv, "time": "sent"}, "test": csv})
    with pytest.raises(ValueError, match="Extra inputs are not permitted"):
        TypeAdapter(KINDS["extractive_qa"].create_reader().source_type).validate_python(
            {"reader": "squad", "path": "a.json", "time": "sent"}
        )


def test_a_transfer_has_the_times_of_its_test_part(tmp_path: Path) -> None:
    for name in ("train", "test"):
        rows = "".join(f"{name} text {i},{'ab'[i % 2]},20{i + 10}\n" for i in range(12))
        (tmp_path / f"{name}.csv").write_text("text,label,sent\n" + rows)
    parts = {name: {"reader": "csv", "path": f"{name}.csv", "label": "label"} for name in ("train", "test")}
    table = _read("classification", {"reader": "transfer", **parts, "test": {**parts["test"], "time": "sent"}}, tmp_path)
    times = dict(zip(table["example_id"].to_pylist(), table["time"].to_pylist(), strict=True))
    assert {name.partition(":")[0] for name, time in times.items() if time is None} == {"train"}
    assert sorted(time.year for time in times.values() if time is not None) == list(range(2010, 2022))
