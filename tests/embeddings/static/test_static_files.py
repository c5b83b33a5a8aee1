from __future__ import annotations

import bz2
import gzip
import lzma
import re
import struct
from pathlib import Path

import numpy as np
import pytest

from emb_pipeline.embeddings.static.options import StaticFileOptions
from emb_pipeline.embeddings.static.static_files import load, zipf_counts
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.errors import DataError

WORDS = ["the", "naïve", "cat"]
MATRIX = np.array([[0.5, -1.0], [2.0, 3.25], [4e-3, 0.0]], dtype=np.float32)
TEXT = "the 0.5 -1.0\nnaïve 2.0 3.25\ncat 4e-3 0\n".encode()
BINARY = b"3 2\n" + b"".join(
    word.encode() + b" " + struct.pack("<2f", *row) + b"\n" for word, row in zip(WORDS, MATRIX, strict=True)
)


def load_bytes(
    tmp_path: Path, content: bytes, file_format: str = "auto", name: str = "vectors.txt", **more: object
) -> WordVectors:
    (tmp_path / name).write_bytes(content)
    return load(StaticFileOptions(path=tmp_path / name, format=file_format, **more))


TOOLS = {
    "word2vec text": b"3 2\n" + TEXT,
    "glove": TEXT,
    "glove with a header": b"3 2\n" + TEXT,
    "fasttext print-word-vectors": TEXT.replace(b"\n", b" \n"),
    "tabs": TEXT.replace(b" ", b"\t"),
    "a tab behind the word": re.sub(rb"(?m)^(\S+) ", rb"\1\t", TEXT),
    "two blanks": TEXT.replace(b" ", b"  "),
    "byte-order mark": b"\xef\xbb\xbf" + TEXT,
    "byte-order mark and header": b"\xef\xbb\xbf3 2\n" + TEXT,
    "carriage returns": b"3 2\r\n" + TEXT.replace(b"\n", b"\r\n"),
    "no line end at the end": TEXT.rstrip(),
    "empty lines": TEXT.replace(b"\n", b"\n\n"),
    "word2vec binary": BINARY,
    "binary without line ends": BINARY.replace(b"\nna", b"na").replace(b"\ncat", b"cat").rstrip(b"\n"),
    "gz": gzip.compress(TEXT),
    "bz2": bz2.compress(BINARY),
    "xz": lzma.compress(TEXT),
}


@pytest.mark.parametrize("name", ["vectors.txt", "vectors.gz", "vectors.bin"])
@pytest.mark.parametrize("tool", TOOLS)
def test_files_of_common_tools_are_read_for_what_they_are(tmp_path: Path, tool: str, name: str) -> None:
    vectors = load_bytes(tmp_path, TOOLS[tool], name=name, strict=True)
    assert list(vectors.tokens) == WORDS and vectors.dim == 2
    np.testing.assert_array_equal(vectors.vectors, MATRIX)


@pytest.mark.parametrize(
    ("tool", "file_format"),
    [("word2vec text", "word2vec_text"), ("glove", "glove_text"), ("word2vec binary", "word2vec_binary")],
)
def test_a_format_can_be_named(tmp_path: Path, tool: str, file_format: str) -> None:
    np.testing.assert_array_equal(load_bytes(tmp_path, TOOLS[tool], file_format).vectors, MATRIX)


@pytest.mark.parametrize("binary", [False, True])
def test_what_gensim_writes_is_read(tmp_path: Path, binary: bool) -> None:
    from gensim.models import KeyedVectors

    keyed = KeyedVectors(20)
    vectors = np.random.default_rng(1).normal(size=(50, 20)).astype(np.float32)
    keyed.add_vectors([f"wörd{number}" for number in range(50)], vectors)
    keyed.save_word2vec_format(str(tmp_path / "v"), binary=binary)
    read = load(StaticFileOptions(path=tmp_path / "v", strict=True))
    assert list(read.tokens) == keyed.index_to_key
    np.testing.assert_allclose(read.vectors, vectors, rtol=1e-6)


def test_arrow_is_found_by_itself(tmp_path: Path) -> None:
    WordVectors(WORDS, np.array([5, 2, 1]), MATRIX).write(tmp_path / "v.arrow")
    assert list(load(StaticFileOptions(path=tmp_path / "v.arrow")).tokens) == WORDS


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
    glove_840b = b". . . 1 2\n" + TEXT + b"at name@domain.com 3 4\n"
    assert list(load_bytes(tmp_path, glove_840b, strict=True).tokens) == [". . .", *WORDS, "at name@domain.com"]


def test_counts_follow_the_rank() -> None:
    np.testing.assert_array_equal(zipf_counts(6), [6, 3, 2, 2, 1, 1])


BAD_ROWS = [
    pytest.param(TEXT + b"dog 1.0\n", "row 4: 1 values where 2 belong", id="too few values"),
    pytest.param(TEXT + b"dog 3.2x 1\n", "row 4: '3.2x' is not a number", id="no number"),
    pytest.param(TEXT + b"dog nan 1\n", "row 4: a value of 'dog' is not finite", id="not finite"),
    pytest.param(TEXT + b"the 1 2\n", "row 4: 'the' stands already in row 1", id="twice"),
    pytest.param(TEXT + b"\xff\xfe 1 2\n", r"row 4: the word b'\\xff\\xfe' is not valid UTF-8", id="utf-8"),
    pytest.param(TEXT + b" 1 2\n", "row 4: 1 values where 2 belong", id="no word"),
    pytest.param(TEXT + b"do", "row 4: 0 values where 2 belong", id="cut short"),
    pytest.param(b"4 2\n" + TEXT, "the file ends after 3 of 4 words", id="wrong count"),
    pytest.param(b"3 5\n" + TEXT, "row 1: the header says 5 dimensions, the rows have 2", id="wrong dimension"),
    pytest.param(BINARY.replace(b"3 2", b"4 2") + BINARY[4:16], "row 5: 'the' stands already in row 2", id="twice, binary"),
    pytest.param(BINARY.replace(b"3 2", b"4 2"), "the file ends after 3 of 4 words", id="wrong count, binary"),
]


@pytest.mark.parametrize(("content", "message"), BAD_ROWS)
def test_a_bad_row_is_left_out_and_said_or_refused_where_that_is_asked(
    tmp_path: Path, content: bytes, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    vectors = load_bytes(tmp_path, content)
    assert list(vectors.tokens) == WORDS
    np.testing.assert_array_equal(vectors.vectors, MATRIX)
    assert re.search(message, caplog.text) and "left_out" in vectors.provenance
    with pytest.raises(DataError, match=message) as refused:
        load_bytes(tmp_path, content, strict=True)
    assert "vectors.txt" in refused.value.place and "strict: false" in refused.value.remedy


def test_a_file_with_many_bad_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"row 1: the word .* is not valid UTF-8; 3 of 6 rows cannot be used"):
        load_bytes(tmp_path, "é 1 2\nè 1 2\nà 1 2\n".encode("latin-1") + TEXT)


@pytest.mark.parametrize(
    ("content", "file_format", "message", "remedy"),
    [
        pytest.param(TEXT, "word2vec_text", "row 1: no header 'words dimensions'", "glove_text", id="no header"),
        pytest.param(BINARY[:-6], "auto", "row 4: .* breaks off in word 3 of 3", "limit: 2", id="binary short"),
        pytest.param(TEXT, "word2vec_binary", "row 1: no header", "format", id="text taken for binary"),
        pytest.param(b"", "auto", "holds no word", "fetch", id="empty"),
        pytest.param(b"3 2\n", "auto", "no values behind the word|holds no word", "", id="header alone"),
        pytest.param(b"the,1,2\ncat,1,2\n", "auto", "row 1: there are no values", "blanks or tabs", id="commas"),
        pytest.param(gzip.compress(TEXT * 99)[:-20], "auto", "is damaged or ends too early", "fetch", id="gz cut short"),
        pytest.param("\ufeffthe 1 2\n".encode("utf-16-le"), "auto", "is UTF-16", "iconv", id="utf-16"),
        pytest.param(b"PK\x03\x04....", "auto", "is a zip archive", "unpack", id="zip"),
        pytest.param(b"\xba\x16\x4f\x2f....", "auto", "is a model of fastText's own", ".vec", id="fasttext model"),
        pytest.param(b"\x80\x04\x95....", "auto", "is a pickle", "save_word2vec_format", id="pickle"),
    ],
)
def test_a_file_of_another_kind_is_named_with_a_way_out(
    tmp_path: Path, content: bytes, file_format: str, message: str, remedy: str
) -> None:
    with pytest.raises(DataError, match=message) as refused:
        load_bytes(tmp_path, content, file_format)
    assert "vectors.txt" in refused.value.place and remedy in refused.value.remedy


def test_the_limit_of_the_remedy_reads_what_is_there(tmp_path: Path) -> None:
    assert list(load_bytes(tmp_path, BINARY[:-6], limit=2).tokens) == WORDS[:2]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        load(StaticFileOptions(path=tmp_path / "none.txt", format="glove_text"))


def test_a_header_that_promises_fewer_words_than_there_are_loses_none(tmp_path: Path) -> None:
    assert list(load_bytes(tmp_path, b"2 2\n" + TEXT, "word2vec_text").tokens) == WORDS
