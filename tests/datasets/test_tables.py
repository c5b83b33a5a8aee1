"""Tables at rest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from kedro.io import DatasetError, Version

from emb_pipeline.datasets.tables import TableDataset, TablePartDataset, TablesDataset
from emb_pipeline.datasets.text import DocumentsDataset
from emb_pipeline.errors import DataError
from emb_pipeline.storage.failures import Failed
from emb_pipeline.storage.table_parts import TableParts

TABLE = pa.table({"unit_id": ["a", "b"], "value": [1.0, 0.5]})


def test_a_table_comes_back_as_it_was(tmp_path: Path) -> None:
    dataset = TableDataset(filepath=str(tmp_path / "t.parquet"))
    dataset.save(TABLE)
    assert dataset.load().equals(TABLE)


def test_every_version_of_a_versioned_table_is_kept(tmp_path: Path) -> None:
    for version in ("2026-01-01T00.00.00.000Z", "2026-01-02T00.00.00.000Z"):
        TableDataset(filepath=str(tmp_path / "t.parquet"), version=Version(None, version)).save(TABLE)
    assert len(list((tmp_path / "t.parquet").glob("*/t.parquet"))) == 2
    assert TableDataset(filepath=str(tmp_path / "t.parquet"), version=Version(None, None)).load().equals(TABLE)


def test_named_tables_come_back_by_name(tmp_path: Path) -> None:
    dataset = TablesDataset(filepath=str(tmp_path / "tables"))
    dataset.save({"queries": TABLE, "passages": TABLE.slice(0, 1)})
    loaded = dataset.load()
    assert list(loaded) == ["queries", "passages"] and loaded["passages"].num_rows == 1


def test_text_columns_come_back_with_a_dictionary_where_the_catalog_says_so(tmp_path: Path) -> None:
    TablesDataset(filepath=str(tmp_path / "tables")).save({"scores": TABLE, "others": TABLE})
    loaded = TablesDataset(filepath=str(tmp_path / "tables"), dictionaries={"scores": ["unit_id"]}).load()
    assert pa.types.is_dictionary(loaded["scores"]["unit_id"].type) and loaded["others"].equals(TABLE)
    assert loaded["scores"].to_pylist() == TABLE.to_pylist()


def test_what_gathers_tables_refers_to_their_files_and_gives_their_rows_in_the_same_order(tmp_path: Path) -> None:
    cells = []
    for name, table in (("one", TABLE), ("none", TABLE.slice(0, 0)), ("other", TABLE.slice(1))):
        dataset = TablePartDataset(filepath=str(tmp_path / "origin" / name / "scores.parquet"))
        dataset.save(table)
        cells.append(dataset.load())
    of_embedding = TablesDataset(filepath=str(tmp_path / "origin" / "card"))
    of_embedding.save({"scores": TableParts.join(TABLE.schema, cells), "costs": TABLE})
    card = of_embedding.load()
    of_origin = TablesDataset(filepath=str(tmp_path / "all"), dictionaries={"scores": ["unit_id"]})
    of_origin.save({"scores": TableParts.join(TABLE.schema, [card["scores"]])})
    assert not list((tmp_path / "all").glob("*.parquet")) and card["costs"].equals(TABLE)

    (tmp_path / "moved").mkdir()
    for folder in ("origin", "all"):
        (tmp_path / folder).rename(tmp_path / "moved" / folder)
    moved = TablesDataset(filepath=str(tmp_path / "moved" / "all"), dictionaries={"scores": ["unit_id"]})
    read = moved.load()["scores"].read()
    assert pa.types.is_dictionary(read["unit_id"].type)
    assert read.to_pylist() == [*TABLE.to_pylist(), *TABLE.to_pylist()[1:]]
    assert dict(moved.preview())["data"] == [["a", 1.0], ["b", 0.5], ["b", 0.5]]


@pytest.mark.parametrize("change", ["missing", "another number of rows"])
def test_a_file_that_is_not_what_was_gathered_is_refused_with_the_way_out(change: str, tmp_path: Path) -> None:
    dataset = TablePartDataset(filepath=str(tmp_path / "scores.parquet"))
    dataset.save(TABLE)
    gathered = dataset.load()
    if change == "missing":
        dataset.save(Failed("domain.word2vec_8 on topic", "too little memory"))
    else:
        dataset.save(TABLE.slice(1))
    with pytest.raises(DataError, match=r"scores.parquet.*kedro run --only-missing-outputs"):
        gathered.read()


def test_a_part_that_was_never_written_does_not_exist(tmp_path: Path) -> None:
    dataset = TablePartDataset(filepath=str(tmp_path / "scores.parquet"))
    assert not dataset.exists()
    with pytest.raises(DatasetError, match="is missing"):
        dataset.load()


def test_a_folder_without_its_manifest_was_never_written(tmp_path: Path) -> None:
    dataset = TablesDataset(filepath=str(tmp_path / "tables"))
    dataset.save({"queries": TABLE})
    (tmp_path / "tables" / "manifest.json").unlink()
    assert not dataset.exists()
    with pytest.raises(DatasetError, match="never written"):
        dataset.load()


def test_documents_stream_in_and_out(tmp_path: Path) -> None:
    dataset = DocumentsDataset(filepath=str(tmp_path / "d.parquet"))
    dataset.save((f"d{number}", f"text {number}") for number in range(10_000))
    documents = dataset.load()
    assert len(documents) == 10_000
    assert list(documents)[9_999] == ("d9999", "text 9999")


def test_long_documents_are_held_a_few_at_a_time(tmp_path: Path) -> None:
    held = asked = 0
    text = "a long text " * 100_000

    class Document(str):
        def __del__(self) -> None:
            nonlocal held
            held -= 1

    def stream() -> Iterator[tuple[str, str]]:
        nonlocal held, asked
        for number in range(80):
            held += 1
            asked = max(asked, held)
            yield str(number), Document(text)

    dataset = DocumentsDataset(filepath=str(tmp_path / "d.parquet"))
    dataset.save(stream())
    file = pq.ParquetFile(tmp_path / "d.parquet")
    assert file.num_row_groups == 6  # of 14 texts of 1.2 million characters, which pass 16 million
    assert asked <= 16
    assert [len(each) for _, each in dataset.load()] == [len(text)] * 80


def test_a_stream_that_breaks_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> object:
        yield "d0", "text"
        raise ValueError("bad row")

    dataset = DocumentsDataset(filepath=str(tmp_path / "d.parquet"))
    with pytest.raises(DatasetError, match="bad row"):
        dataset.save(broken())
    assert list(tmp_path.iterdir()) == []
