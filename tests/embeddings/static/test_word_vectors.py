from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from emb_pipeline.embeddings.static.word_vectors import Subwords, WordVectors
from emb_pipeline.errors import DataError


def three_words(subwords: Subwords | None = None) -> WordVectors:
    return WordVectors(
        ["the", "naïve", "cat"],
        np.array([9, 4, 1]),
        np.arange(6, dtype=np.float32).reshape(3, 2),
        {"method": "test", "epoch_losses": [0.5, 0.25]},
        subwords,
    )


def test_what_is_written_is_read(tmp_path: Path) -> None:
    three_words().write(tmp_path / "some" / "vectors.arrow")
    read = WordVectors.read(tmp_path / "some" / "vectors.arrow")
    assert read.tokens == ["the", "naïve", "cat"]
    np.testing.assert_array_equal(read.counts, [9, 4, 1])
    np.testing.assert_array_equal(read.vectors, [[0, 1], [2, 3], [4, 5]])
    assert read.provenance == {"method": "test", "epoch_losses": [0.5, 0.25]}
    assert read.subwords is None


def test_reading_maps_the_file_and_copies_nothing(tmp_path: Path) -> None:
    three_words().write(tmp_path / "vectors.arrow")
    before = pa.total_allocated_bytes()
    vectors = WordVectors.read(tmp_path / "vectors.arrow").vectors
    assert not vectors.flags.owndata
    assert not vectors.flags.writeable
    assert pa.total_allocated_bytes() == before


def test_other_tools_find_the_documented_columns(tmp_path: Path) -> None:
    three_words().write(tmp_path / "vectors.arrow")
    with pa.memory_map(str(tmp_path / "vectors.arrow")) as source:
        schema = pa.ipc.open_file(source).schema
    assert schema.remove_metadata() == pa.schema(
        {"token": pa.string(), "count": pa.int64(), "vector": pa.list_(pa.float32(), 2)}
    )


def test_ngram_vectors_lie_in_a_file_of_their_own(tmp_path: Path) -> None:
    table = np.ones((2, 2), np.float32)
    three_words(Subwords(3, 6, 1000, np.array([5, 17], np.int32), table)).write(tmp_path / "vectors.arrow")
    read = WordVectors.read(tmp_path / "vectors.arrow").subwords
    assert (read.min_n, read.max_n, read.n_buckets) == (3, 6, 1000)
    np.testing.assert_array_equal(read.buckets, [5, 17])
    np.testing.assert_array_equal(read.vectors, table)
    three_words().write(tmp_path / "vectors.arrow")
    assert [path.name for path in tmp_path.iterdir()] == ["vectors.arrow"]


def test_a_write_that_fails_leaves_the_old_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "vectors.arrow"
    three_words().write(path)
    before = path.read_bytes()
    monkeypatch.setattr(pa.ipc.RecordBatchFileWriter, "write_batch", lambda *_: 1 / 0, raising=False)
    with pytest.raises(ZeroDivisionError):
        WordVectors(["x"], np.array([1]), np.zeros((1, 2), np.float32)).write(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["vectors.arrow"]


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "vectors.arrow"
    three_words().write(path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match="is damaged: its bytes are not those that were written"):
        WordVectors.read(path)


def test_a_table_without_vectors_is_refused(tmp_path: Path) -> None:
    batch = pa.record_batch({"token": ["a"], "count": [1]})
    with pa.OSFile(str(tmp_path / "x.arrow"), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
        writer.write_batch(batch)
    with pytest.raises(DataError, match="column 'vector' is missing"):
        WordVectors.read(tmp_path / "x.arrow")


def test_an_unknown_token_has_count_zero_and_a_zero_vector() -> None:
    vectors, counts = three_words().lookup(["cat", "dog"])
    np.testing.assert_array_equal(vectors, [[4, 5], [0, 0]])
    np.testing.assert_array_equal(counts, [1, 0])


def test_lengths_that_disagree_are_refused() -> None:
    with pytest.raises(ValueError, match="2 tokens and 1 counts do not go with vectors of shape"):
        WordVectors(["a", "b"], np.array([1]), np.zeros((1, 2), np.float32))


def test_a_folded_word_finds_its_own_spelling_first_then_the_most_frequent_one_that_folds_to_it() -> None:
    tokens = ["US", "Berlin", "us", "Straße", "BERLIN", "Don’t"]
    vectors = WordVectors(tokens, np.array([9, 5, 4, 3, 7, 1]), np.arange(6, dtype=np.float32)[:, None])
    found, counts = vectors.lookup(["us", "berlin", "strasse", "don't", "US", "Berlin", "paris"])
    assert found.ravel().tolist() == [2, 4, 3, 5, 0, 1, 0]
    assert counts.tolist() == [4, 7, 3, 1, 9, 5, 0]
    assert "berlin" in vectors and "paris" not in vectors
