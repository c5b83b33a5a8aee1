"""A function of the user's own as an embedding: what it gives is checked, and its file counts as an input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emb_pipeline.embeddings import factory
from emb_pipeline.embeddings.own.function import FunctionEncoder
from emb_pipeline.embeddings.own.options import FunctionOptions
from emb_pipeline.embeddings.protocols import similarity_of
from emb_pipeline.errors import DataError
from emb_pipeline.provenance.raw_files import FileHashes, fingerprint_inputs

ENCODER = "def encode(texts):\n    return [[len(text), text.count('a')] for text in texts]\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "encoder.py"
    path.write_text(ENCODER)
    return path


def test_its_vectors_are_what_the_function_gives(file: Path) -> None:
    encoder: Any = factory.build_encoder("function", FunctionOptions(path=file, similarity="dot"))
    assert encoder.encode(["banana", "kiwi"]).tolist() == [[6.0, 3.0], [4.0, 0.0]]
    assert (encoder.dim, encoder.encode([]).shape, similarity_of(encoder)) == (2, (0, 2), "dot")


def test_a_change_of_its_file_changes_the_fingerprint(file: Path, tmp_path: Path) -> None:
    options = FunctionOptions(path=file)
    before = fingerprint_inputs(options, tmp_path, tmp_path, FileHashes())
    file.write_text(ENCODER.replace("'a'", "'b'"))
    assert before != fingerprint_inputs(options, tmp_path, tmp_path, FileHashes()) and set(before) == {"encoder.py"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda texts: np.ones(len(texts)), r"it gives the shape \(2,\) for 2 texts"),
        (lambda texts: np.ones((1, 3)), r"it gives the shape \(1, 3\) for 2 texts"),
        (lambda texts: [[1.0, np.nan]] * len(texts), "the vector of 'one' is not finite"),
        (lambda texts: 1 / 0, r"it fails on 2 texts \(ZeroDivisionError"),
    ],
)
def test_what_is_no_vectors_is_refused(given: Any, message: str) -> None:
    with pytest.raises(DataError, match=f"mine: {message}"):
        FunctionEncoder(given, "mine").encode(["one", "two"])


def test_vectors_of_another_dimension_are_refused() -> None:
    encoder = FunctionEncoder(lambda texts: np.ones((len(texts), len(texts))), "mine")
    encoder.encode(["one", "two"])
    with pytest.raises(DataError, match="it gives 3 dimensions now, and gave 2 before"):
        encoder.encode(["one", "two", "three"])


@pytest.mark.parametrize(
    ("content", "function", "message"),
    [
        (None, "encode", "there is no such file; correct 'path'"),
        ("def encode(texts:\n", "encode", r"it cannot be imported \(SyntaxError"),
        (ENCODER, "embed", r"there is no such function; define embed\(texts\)"),
    ],
)
def test_a_file_without_it_is_refused_before_anything_runs(
    content: str | None, function: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "mine.py"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DataError, match=message):
        factory.require("function", FunctionOptions(path=path, function=function))
