"""The project's own files notice when they are damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.errors import DataError
from emb_pipeline.storage.sealed_files import (
    is_sealed,
    map_arrow,
    read_json,
    read_parquet,
    write_arrow,
    write_json,
    write_parquet,
)
from tests.damage import KINDS, outcomes

TABLE = pa.table({"name": ["a", "b", "ä"], "value": [0.5, 1.5, -2.0]})


@pytest.mark.slow
def test_damage_gives_the_right_values_or_an_error_with_place_and_remedy() -> None:
    found = list(outcomes(list(KINDS), 20 * len(KINDS), first_seed=7000))
    faults = [each for each in found if each[1] not in ("right", "refused")]
    assert not faults and len(found) == 20 * len(KINDS), faults


def test_every_single_byte_counts(tmp_path: Path) -> None:
    write_parquet(TABLE, tmp_path / "a.parquet")
    write_arrow(TABLE.to_batches()[0], tmp_path / "a.arrow")
    write_json({"words": ["a", "ä"]}, tmp_path / "a.json")
    readers = {"a.parquet": read_parquet, "a.arrow": map_arrow, "a.json": read_json}
    for name, read in readers.items():
        path = tmp_path / name
        good = path.read_bytes()
        right, n_refused = read(path), 0
        assert is_sealed(path)
        for at in range(0, len(good), 3):
            path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
            try:
                assert read(path) == right  # the mark itself was hit, and nothing else
            except DataError:
                n_refused += 1
        assert n_refused > 0.75 * len(good) / 3


def test_other_tools_read_them_and_the_metadata_is_the_users(tmp_path: Path) -> None:
    write_parquet(TABLE, tmp_path / "a.parquet")
    assert pd.read_parquet(tmp_path / "a.parquet").to_dict("list") == TABLE.to_pydict()
    assert read_parquet(tmp_path / "a.parquet").equals(TABLE, check_metadata=True)
    noted = TABLE.replace_schema_metadata({b"of": b"mine"})
    write_parquet(noted, tmp_path / "a.parquet")
    assert read_parquet(tmp_path / "a.parquet").schema.metadata == {b"of": b"mine"}


def test_a_file_of_another_tool_is_read_and_its_structure_checked(tmp_path: Path) -> None:
    pq.write_table(TABLE, tmp_path / "a.parquet")
    assert not is_sealed(tmp_path / "a.parquet") and read_parquet(tmp_path / "a.parquet").equals(TABLE)
    with pytest.raises(DataError, match=r"column 'label' is missing, there are .*; add it"):
        read_parquet(tmp_path / "a.parquet", columns=("label",), remedy="add it")
    (tmp_path / "b.parquet").write_bytes((tmp_path / "a.parquet").read_bytes()[:-9])
    with pytest.raises(DataError, match="is no Parquet file, or a damaged one"):
        read_parquet(tmp_path / "b.parquet")


def write_vectors(path: Path, **columns: pa.Array) -> None:
    vector = pa.FixedSizeListArray.from_arrays(pa.array([1, 2, 3, 4], pa.float32()), 2)
    table = pa.table({"token": pa.array(["a", "b"]), "count": pa.array([2, 1]), "vector": vector} | columns)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def lists(values: list[object], size: int = 2, type_: pa.DataType | None = None) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(values, type_ or pa.float32()), size)


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        ({"token": pa.array(["a", None])}, "token holds a null"),
        ({"token": pa.array([1, 2])}, "token is a int64"),
        ({"count": pa.array([1, -3])}, "a count is -3"),
        ({"count": pa.array(["x", "y"])}, "a column of numbers is a string"),
        ({"vector": lists([1, 2, None, 4])}, "a vector holds a null"),
        ({"vector": lists([1, 2, 3, float("nan")])}, "row 2: a value is not finite"),
        ({"vector": lists([1, 2, 3, 4], type_=pa.float64())}, r"vector is a fixed_size_list<item: double>\[2\]"),
        ({"vector": pa.array([[1.0], [2.0]])}, "vector is a list<item: double>"),
    ],
)
def test_vectors_of_another_tool_are_checked_value_by_value(
    tmp_path: Path, columns: dict[str, pa.Array], complaint: str
) -> None:
    write_vectors(tmp_path / "v.arrow")
    assert WordVectors.read(tmp_path / "v.arrow").vectors.tolist() == [[1, 2], [3, 4]]
    write_vectors(tmp_path / "v.arrow", **columns)
    with pytest.raises(DataError, match=complaint):
        WordVectors.read(tmp_path / "v.arrow")


def test_offsets_of_a_hostile_file_that_point_elsewhere_are_refused(tmp_path: Path) -> None:
    write_vectors(tmp_path / "v.arrow")
    content = (tmp_path / "v.arrow").read_bytes()
    offsets, hostile = (np.array([0, *ends], np.int32).tobytes() for ends in ((1, 2), (1 << 30, 1 << 30)))
    assert content.count(offsets) == 1
    (tmp_path / "v.arrow").write_bytes(content.replace(offsets, hostile))
    with pytest.raises(DataError, match="is not a complete Arrow IPC file"):
        WordVectors.read(tmp_path / "v.arrow")
