"""What YAML may say about where text is."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from emb_pipeline.readers.formats.class_folders import ClassFoldersSource
from emb_pipeline.readers.formats.delimited import CsvSource
from emb_pipeline.readers.options import download_names
from emb_pipeline.readers.registry import CorpusSource
from emb_pipeline.tasks.classification.reader import ClassificationSource
from emb_pipeline.tasks.retrieval.reader import RetrievalSource
from emb_pipeline.tasks.retrieval.sources import PairsSource

CORPUS, CLASSIFICATION, RETRIEVAL = (
    TypeAdapter[Any](kind) for kind in (CorpusSource, ClassificationSource, RetrievalSource)
)


def test_a_source_is_chosen_by_its_reader() -> None:
    read = CLASSIFICATION.validate_python(
        {
            "reader": "class_folders",
            "download": "ohsumed_single_23",
            "encoding": "latin-1",
            "splits": {"train": "training", "test": "test"},
        }
    )
    assert isinstance(read, ClassFoldersSource)
    assert isinstance(RETRIEVAL.validate_python({"reader": "pairs", "path": "x.csv", "query": "question"}), PairsSource)


def test_text_may_be_one_column_or_several() -> None:
    one = CORPUS.validate_python({"reader": "csv", "path": "a.csv", "text": "abstract"})
    two = CORPUS.validate_python({"reader": "csv", "path": "a.csv", "text": ["title", "abstract"]})
    assert one.text_columns == ("abstract",)
    assert two.text_columns == ("title", "abstract")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"reader": "excel", "path": "a.xlsx"}, "does not match any of the expected tags: 'csv'"),
        ({"reader": "csv"}, "exactly one of 'path'"),
        ({"reader": "csv", "path": "a.csv", "download": "medquad"}, "exactly one of 'path'"),
        ({"reader": "csv", "path": "a.csv", "txt": "abstract"}, "Extra inputs are not permitted"),
        ({"reader": "csv", "path": "a.csv", "text": []}, "name at least one column"),
        ({"reader": "csv", "path": "a.csv", "split": "part", "splits": {"train": "a"}}, "not both"),
        ({"reader": "csv", "download": "medquad", "files": "../secrets.csv"}, "must stay inside"),
        ({"reader": "csv", "path": "a.csv", "sample": {"low": 0.5, "high": 0.5}}, r"low \(0.5\) must be below high \(0.5\)"),
        ({"reader": "class_folders", "path": "a", "sample": {"by": "column"}}, "files have no columns: leave 'by' out"),
        ({"reader": "class_folders", "path": "a", "splits": {"training": "a"}}, "'train', 'validation' or 'test'"),
    ],
)
def test_a_wrong_source_is_refused_with_the_way_out(source: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        CORPUS.validate_python(source)


def test_the_downloads_that_sources_need_are_named_once() -> None:
    sources = [
        CsvSource(download="b"),
        CsvSource(path="own.csv"),
        CsvSource(download="a"),
        CsvSource(download="b", text="x"),
    ]
    assert download_names(*sources) == ["b", "a"]


@pytest.mark.slow
def test_sources_import_nothing_heavy() -> None:
    code = (
        "import sys, emb_pipeline.readers.registry; print([m for m in ('pyarrow', 'numpy', 'gensim') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
