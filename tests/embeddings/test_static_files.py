from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from emb_pipeline.embeddings.options import StaticFileOptions
from emb_pipeline.embeddings.static_files import load, zipf_counts
from emb_pipeline.embeddings.word_vectors import WordVectors
from emb_pipeline.text.errors import DataError

WORDS = ["the", "naïve", "cat"]
MATRIX = np.array([[0.5, -1.0], [2.0, 3.25], [4e-3, 0.0]], dtype=np.float32)
TEXT = "the 0.5 -1.0\nnaïve 2.0 3.25\ncat 4e-3 0\n".encode()
BINARY = b"3 2\n" + b"".join(
    word.encode() + b" " + struct.pack("<2f", *row) + b"\n" for word, row in zip(WORDS, MATRIX, strict=True)
)


def load_bytes(tmp_path: Path, content: bytes, file_format: str, name: str = "vectors.txt", **more: object) -> WordVectors:
    (tmp_path / name).write_bytes(content)
    return load(StaticFileOptions(path=tmp_path / name, format=file_format, **more))


@pytest.mark.parametrize(
    ("content", "file_format"),
    [
        pytest.param(b"3 2\n" + TEXT, "word2vec_text", id="word2vec text"),
        pytest.param(TEXT, "glove_text", id="glove"),
        pytest.param(b"3 2\n" + TEXT, "glove_text", id="glove with a header"),
        pytest.param(BINARY, "word2vec_binary", id="word2vec binary"),
        pytest.param(
            BINARY.replace(b"\nna", b"na").replace(b"\ncat", b"cat"), "word2vec_binary", id="binary without line ends"
        ),
    ],
)
def test_every_format_gives_the_same_vectors(tmp_path: Path, content: bytes, file_format: str) -> None:
    vectors = load_bytes(tmp_path, content, file_format)
    assert list(vectors.tokens) == WORDS
    np.testing.assert_array_equal(vectors.vectors, MATRIX)


def test_packed_files_are_read_as_they_are(tmp_path: Path) -> None:
    vectors = load_bytes(tmp_path, gzip.compress(TEXT), "glove_text", name="glove.txt.gz")
    np.testing.assert_array_equal(vectors.vectors, MATRIX)


def test_arrow_files_are_mapped(tmp_path: Path) -> None:
    WordVectors(WORDS, np.array([5, 2, 1]), MATRIX).write(tmp_path / "v.arrow")
    vectors = load(StaticFileOptions(path=tmp_path / "v.arrow", format="arrow", limit=2))
    assert list(vectors.tokens) == WORDS[:2]
    assert not vectors.vectors.flags.owndata


@pytest.mark.parametrize(
    ("content", "file_format"), [(TEXT, "glove_text"), (b"3 2\n" + TEXT, "word2vec_text"), (BINARY, "word2vec_binary")]
)
def test_a_limit_keeps_the_commonest_words(tmp_path: Path, content: bytes, file_format: str) -> None:
    assert list(load_bytes(tmp_path, content, file_format, limit=2).tokens) == WORDS[:2]
    assert list(load_bytes(tmp_path, content, file_format, limit=1).tokens) == WORDS[:1]


def test_a_word_with_a_space_in_it_is_kept_whole(tmp_path: Path) -> None:
    assert list(load_bytes(tmp_path, TEXT + b". . 1 2\n", "glove_text").tokens) == [*WORDS, ". ."]


def test_counts_follow_the_rank() -> None:
    np.testing.assert_array_equal(zipf_counts(6), [6, 3, 2, 2, 1, 1])


@pytest.mark.parametrize(
    ("content", "file_format", "message"),
    [
        pytest.param(TEXT + b"dog 1.0\n", "glove_text", "row 4: 1 values where 2 belong", id="too few values"),
        pytest.param(TEXT.replace(b"3.25", b"3.2x"), "glove_text", "row 2: '3.2x' is not a number", id="no number"),
        pytest.param(
            TEXT.replace(b"3.25", b"nan"), "glove_text", "row 2: a value of 'naïve' is not finite", id="not finite"
        ),
        pytest.param(TEXT + b"the 1 2\n", "glove_text", "row 4: 'the' stands already in row 1", id="twice"),
        pytest.param(
            TEXT + b"\xff\xfe 1 2\n", "glove_text", r"row 4: the word b'\\xff\\xfe' is not valid UTF-8", id="utf-8"
        ),
        pytest.param(b"4 2\n" + TEXT, "word2vec_text", "row 4: the file ends after 3 of 4 words", id="text cut short"),
        pytest.param(TEXT, "word2vec_text", "row 1: no header 'words dimensions'", id="no header"),
        pytest.param(BINARY[:-6], "word2vec_binary", "row 4: the file ends or breaks off in word 3 of 3", id="binary short"),
        pytest.param(
            BINARY.replace(b"cat", b"the"), "word2vec_binary", "row 4: 'the' stands already in row 2", id="twice, too"
        ),
        pytest.param(TEXT, "word2vec_binary", "row 1: no header", id="text taken for binary"),
        pytest.param(b"", "glove_text", "holds no word", id="empty"),
    ],
)
def test_a_bad_file_is_refused_with_its_row(tmp_path: Path, content: bytes, file_format: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as refused:
        load_bytes(tmp_path, content, file_format)
    assert "vectors.txt" in refused.value.place
    assert refused.value.remedy


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        load(StaticFileOptions(path=tmp_path / "none.txt", format="glove_text"))


def test_a_header_that_promises_fewer_words_than_there_are_loses_none(tmp_path: Path) -> None:
    assert list(load_bytes(tmp_path, b"2 2\n" + TEXT, "word2vec_text").tokens) == WORDS
