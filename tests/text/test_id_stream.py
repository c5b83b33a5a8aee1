"""The token stream: its round trip, and that no damaged file comes through."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from emb_pipeline.errors import DataError
from emb_pipeline.storage.sealed_files import read_json, write_json
from emb_pipeline.text import id_stream
from emb_pipeline.text.tokens import TokenCorpus, cut, write_sentences, write_tokens

ROWS = [[0, 1], [1, 2, 0]]


@pytest.fixture
def corpus(tmp_path: Path) -> TokenCorpus:
    """Words a, b, c by frequency: five tokens in two sentences, ids as in `ROWS`."""
    made = write_tokens([("1", "a b. B c a.")], tmp_path / "corpus")
    assert made.read_vocabulary()["token"].to_pylist() == ["a", "b", "c"]
    return made


def sentences_of(corpus: TokenCorpus) -> list[list[str]]:
    """The sentences by way of the stream."""
    words = corpus.read_vocabulary()["token"].to_pylist()
    return [
        [words[rank] for rank in batch.ids[start:end]]
        for batch in corpus.open_ids().batches
        for start, end in zip(batch.ends[:-1], batch.ends[1:], strict=True)
    ]


def rewrite(corpus: TokenCorpus, *columns: pa.Array, name: str = "ids") -> None:
    """Another id stream for a corpus, one record batch for each column given."""
    schema = pa.schema([(name, columns[0].type)])
    (corpus.folder / "ids.arrow").unlink()
    with pa.ipc.new_file(str(corpus.folder / "ids.arrow"), schema) as writer:
        for column in columns:
            writer.write_batch(pa.record_batch([column], schema=schema))


def lists(rows: list[list[int | None] | None]) -> pa.Array:
    return pa.array(rows, pa.list_(pa.int32()))


def raw_lists(ends: list[int], ids: list[int]) -> pa.Array:
    """A list array whose borders are whatever is given."""
    borders = pa.py_buffer(np.array(ends, dtype=np.int32))
    return pa.Array.from_buffers(pa.list_(pa.int32()), len(ends) - 1, [None, borders], children=[pa.array(ids, pa.int32())])


def test_ids_are_rows_of_the_vocabulary_and_rows_are_lines(corpus: TokenCorpus) -> None:
    (batch,) = corpus.open_ids().batches
    assert batch.ids.dtype == batch.ends.dtype == np.int32
    assert batch.ids.tolist() == [0, 1, 1, 2, 0] and batch.ends.tolist() == [0, 2, 5] and batch.first_token == 0
    assert (corpus.open_ids().n_tokens, corpus.open_ids().n_types) == (5, 3)


@pytest.mark.parametrize("tokens_per_batch", [1, 50, 1 << 16])
@pytest.mark.parametrize("bytes_at_a_time", [1, 300, 1 << 24])
def test_the_stream_holds_the_sentences_of_the_text_however_it_is_parted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tokens_per_batch: int, bytes_at_a_time: int
) -> None:
    monkeypatch.setattr(id_stream, "TOKENS_PER_BATCH", tokens_per_batch)
    monkeypatch.setattr(id_stream, "_BYTES_AT_A_TIME", bytes_at_a_time)
    rng = np.random.default_rng(0)
    documents = [(str(i), " ".join(f"wörd{rank}" for rank in rng.zipf(1.5, size=1 + i % 9) % 50)) for i in range(200)]
    corpus = write_tokens(documents, tmp_path / "corpus")
    batches = corpus.open_ids().batches
    assert sentences_of(corpus) == list(corpus)
    assert [batch.first_token for batch in batches] == np.cumsum([0, *(len(batch.ids) for batch in batches[:-1])]).tolist()
    assert (len(batches) > 1) == (min(tokens_per_batch, bytes_at_a_time) < 1 << 16)


def test_every_batch_is_about_as_large_as_it_should_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(id_stream, "TOKENS_PER_BATCH", 100)
    corpus = write_tokens([(str(i), "one two three four five six seven") for i in range(300)], tmp_path / "corpus")
    assert all(86 <= len(batch.ids) <= 114 for batch in corpus.open_ids().batches)


def test_cuts_and_rewritten_corpora_have_streams_of_their_own(corpus: TokenCorpus, tmp_path: Path) -> None:
    part = cut(corpus, tmp_path / "cut", 3)
    assert sentences_of(part) == list(part)
    other = write_sentences([(0, ["z", "a"]), (0, []), (0, ["z"])], tmp_path / "other", like=corpus)
    assert sentences_of(other) == [["z", "a"], ["z"]]


def test_a_corpus_of_one_word_has_one_id(tmp_path: Path) -> None:
    corpus = write_tokens([("1", "word")], tmp_path / "corpus")
    assert corpus.open_ids().batches[0].ids.tolist() == [0] and corpus.open_ids().n_types == 1


def test_the_arrays_are_views_of_the_mapped_file_and_cannot_be_written(corpus: TokenCorpus) -> None:
    (batch,) = corpus.open_ids().batches
    content = (corpus.folder / "ids.arrow").read_bytes()
    apart = content.index(batch.ids.tobytes()) - content.index(batch.ends.tobytes())
    assert batch.ids.ctypes.data - batch.ends.ctypes.data == apart  # as far in memory as in the file
    assert not batch.ids.flags.owndata and not batch.ids.flags.writeable and not batch.ends.flags.writeable


def test_a_token_with_white_space_is_refused_when_it_is_written(corpus: TokenCorpus, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'new' is no word of the corpus"):
        write_sentences([(0, ["new york", "york"])], tmp_path / "other", like=corpus)
    assert not (tmp_path / "other").exists()


def test_sentences_without_a_word_and_borders_that_start_later_are_read_as_they_are(corpus: TokenCorpus) -> None:
    rewrite(corpus, raw_lists([3, 5, 5, 8], [9, 9, 9, 0, 1, 1, 2, 0, 9]))
    manifest = read_json(corpus.folder / "manifest.json")
    write_json({**manifest, "n_sentences": 3}, corpus.folder / "manifest.json")
    (batch,) = TokenCorpus(corpus.folder).open_ids().batches
    assert batch.ids.tolist() == [0, 1, 1, 2, 0] and batch.ends.tolist() == [0, 2, 2, 5]
    assert not batch.ends.flags.writeable


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        ([pa.array([[0, 1], [1, 2, 0]], pa.list_(pa.int64()))], r"and has ids: list<item: int64>"),
        ([pa.array([0, 1, 1, 2, 0], pa.int32())], r"must have one column ids: list<int32>, and has ids: int32"),
        ([lists([[0, 1], None])], r"batch 0: has a null"),
        ([lists([[0, 1], [1, 2, None]])], r"batch 0: has a null"),
        ([lists(ROWS[:1]), lists([[1, 2, 3]])], r"batch 1, row 0: has the id 3, which is none of 3 words"),
        ([lists([[0, 1], [1, -1, 0]])], r"batch 0, row 1: has the id -1"),
        ([lists([[], [], [0, 1], [], [7, 2, 0]])], r"batch 0, row 4: has the id 7"),
        ([lists(ROWS[:1])], r"holds 2 tokens in 1 sentences, the corpus 5 in 2"),
        ([lists([[0, 1], [1, 2], [0]])], r"holds 5 tokens in 3 sentences, the corpus 5 in 2"),
        ([lists(ROWS), lists(ROWS)], r"holds 10 tokens"),
    ],
)
def test_a_stream_that_is_not_that_of_the_corpus_is_refused(
    corpus: TokenCorpus, columns: list[pa.Array], complaint: str
) -> None:
    rewrite(corpus, *columns)
    with pytest.raises(DataError, match=rf"ids\.arrow.*{complaint}.*; write it again with the ingest stage"):
        corpus.open_ids()


def test_another_column_is_refused(corpus: TokenCorpus) -> None:
    rewrite(corpus, lists(ROWS), name="tokens")
    with pytest.raises(DataError, match=r"must have one column ids: list<int32>, and has tokens: list<item: int32>"):
        corpus.open_ids()


@pytest.mark.parametrize("ends", [[0, 3, 2], [0, 2, 9], [-1, 2, 5]])
def test_borders_that_do_not_ascend_within_the_ids_are_refused(corpus: TokenCorpus, ends: list[int]) -> None:
    rewrite(corpus, lists(ROWS))
    path = corpus.folder / "ids.arrow"
    good, wanted = path.read_bytes(), np.array([0, 2, 5], dtype=np.int32).tobytes()
    assert good.count(wanted) == 1
    path.unlink()
    path.write_bytes(good.replace(wanted, np.array(ends, dtype=np.int32).tobytes()))
    with pytest.raises(DataError, match=r"ids\.arrow.*; write it again with the ingest stage"):
        corpus.open_ids()


def test_a_missing_stream_is_refused(corpus: TokenCorpus) -> None:
    (corpus.folder / "ids.arrow").unlink()
    with pytest.raises(DataError, match=r"ids\.arrow: is missing: .*; write it again with the ingest stage"):
        corpus.open_ids()


def test_a_stream_cut_short_anywhere_is_refused(corpus: TokenCorpus) -> None:
    path = corpus.folder / "ids.arrow"
    good = path.read_bytes()
    for size in range(len(good)):
        path.unlink()
        path.write_bytes(good[:size])
        with pytest.raises(DataError, match=r"is empty|is no Arrow file, or a damaged one|is damaged"):
            corpus.open_ids()


def test_bytes_that_flipped_are_refused_or_leave_a_stream_within_bounds(corpus: TokenCorpus) -> None:
    path = corpus.folder / "ids.arrow"
    good = path.read_bytes()
    n_refused = 0
    for at in range(len(good)):
        damaged = bytearray(good)
        damaged[at] ^= 0xFF
        path.unlink()
        path.write_bytes(damaged)
        try:
            (batch,) = corpus.open_ids().batches
        except DataError:
            n_refused += 1
        else:
            assert batch.ids.min() >= 0 and batch.ids.max() < 3 and (np.diff(batch.ends) >= 0).all()
            assert batch.ends[0] == 0 and batch.ends[-1] == len(batch.ids) == 5
    assert n_refused > len(good) / 4
