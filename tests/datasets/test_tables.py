"""Tables at rest."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from kedro.io import DatasetError, Version

from emb_pipeline.datasets.tables import TableDataset, TablesDataset
from emb_pipeline.datasets.text import DocumentsDataset

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


def test_a_stream_that_breaks_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> object:
        yield "d0", "text"
        raise ValueError("bad row")

    dataset = DocumentsDataset(filepath=str(tmp_path / "d.parquet"))
    with pytest.raises(DatasetError, match="bad row"):
        dataset.save(broken())
    assert list(tmp_path.iterdir()) == []
