"""Files as people bring them are recognized, and the source that is proposed for them can be read as it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from emb_pipeline.errors import DataError
from emb_pipeline.readers.description.files import describe_files
from emb_pipeline.scaffold.build import build_use_case
from emb_pipeline.scaffold.estimate import estimate_seconds
from emb_pipeline.scaffold.propose import propose_tasks
from emb_pipeline.tasks.proposal import Named
from emb_pipeline.tasks.registry import KINDS
from tests.scaffold import brought_files
from tests.scaffold.brought_files import LAYOUTS

Layout = Callable[[Path], list[Path]]


def propose(layout: Layout, folder: Path, *text: str, label: str | None = None, kind: str | None = None) -> Any:
    return propose_tasks(describe_files(layout(folder), folder), Named(text, label), kind)[0]


@pytest.mark.parametrize(("layout", "kind"), LAYOUTS.items(), ids=lambda value: getattr(value, "__name__", value))
def test_a_layout_is_recognized_and_its_source_makes_a_task(layout: Layout, kind: str, tmp_path: Path) -> None:
    asked = "extractive_qa" if kind == "extractive_qa" else None  # the same file is a search, too
    proposal = propose(layout, tmp_path, kind=asked)
    assert proposal.kind == kind
    reader = KINDS[kind].create_reader()
    source = TypeAdapter(reader.source_type).validate_python(dict(proposal.source))
    tables = reader.read(source, tmp_path / "raw", tmp_path, "mine")
    KINDS[kind].create_task(tables, "mine")
    assert proposal.n_items > 0


def test_the_column_that_names_rows_is_no_label_and_a_number_is_not_preferred_to_a_class(tmp_path: Path) -> None:
    proposal = propose(brought_files.table_with_an_index, tmp_path)
    assert (proposal.source["text"], proposal.source["label"]) == ("title", "category")
    assert proposal.what == "predict category (3 classes) from title and 1 other column"


def test_what_a_person_names_is_taken(tmp_path: Path) -> None:
    proposal = propose(brought_files.table_with_an_index, tmp_path, "title", label="stars")
    assert (proposal.source["label"], proposal.name) == ("stars", "stars")
    with pytest.raises(DataError, match="there is no column 'aisle'; its columns are , title, category, stars"):
        propose(brought_files.table_with_an_index, tmp_path, label="aisle")


def test_delimiter_encoding_and_missing_header_are_written_down(tmp_path: Path) -> None:
    written = propose(brought_files.semicolons_of_windows, tmp_path).source
    assert (written["delimiter"], written["encoding"]) == (";", "cp1252")
    assert propose(brought_files.no_header, tmp_path).source["columns"] == ["column_1", "column_2"]


def test_parts_in_files_and_in_a_column_become_the_split(tmp_path: Path) -> None:
    assert propose(brought_files.parts_in_files, tmp_path / "a").source["splits"] == {
        "train": "productsTrain.csv",
        "test": "productsTest.csv",
    }
    (tmp_path / "b").mkdir()
    assert propose(brought_files.split_column, tmp_path / "b").source["split"] == "part"


def test_rows_that_will_be_left_out_are_said(tmp_path: Path) -> None:
    proposal = propose(brought_files.gaps_and_rare_classes, tmp_path)
    assert proposal.source["empty"] == "leave_out" and proposal.source["min_examples"] == 2
    assert proposal.notes[:2] == (
        "rows without a text (1) or a label (1) are left out",
        "classes with a single example are left out: harbor",
    )


def test_columns_are_encoded_where_there_is_no_text_and_each_has_its_reason(tmp_path: Path) -> None:
    proposal = propose(brought_files.orders, tmp_path)
    assert proposal.source["features"] == {"categorical": ["brand", "country", "pieces"], "numeric": ["price"]}
    assert "text" not in proposal.source and proposal.what == "predict class (2 classes) from 4 columns"
    categorical, numeric, left_out, warning = proposal.notes
    assert warning == "take out of 'features' what is only known after the label"
    assert categorical.startswith("categorical: brand (6 values), country (3 values, 2")
    assert categorical.endswith("% missing), pieces (4 values)") and numeric.startswith("numeric: price (")
    assert left_out == ("left out: order (200 different values in 200 rows: they name the rows), currency (one value alone)")
    names = [candidate.name for candidate in build_use_case("mine", proposal).candidates]
    assert names == [
        *(f"task.{name}_columns" for name in ("one_hot", "target", "entity", "cooccurrence")),
        "control.shuffled_one_hot_columns",
    ]
    by_price = propose(brought_files.orders, tmp_path, label="price")
    assert by_price.kind == "regression" and by_price.source["features"]["categorical"][-1] == "class"


def test_columns_next_to_a_text_are_joined_to_it(tmp_path: Path) -> None:
    proposal = propose(brought_files.reviews_with_columns, tmp_path)
    assert proposal.source["text"] == "review" and proposal.what.endswith("from review and 2 other columns")
    assert proposal.source["features"] == {"categorical": ["channel"], "numeric": ["age"]}
    assert proposal.notes[-2].startswith("left out: id (120 different values") and "day (dates" in proposal.notes[-2]
    use_case = build_use_case("mine", proposal)
    names = [candidate.name for candidate in use_case.first]
    assert {"task.tfidf", "task.one_hot_columns", "task.tfidf_and_columns", "control.shuffled_tfidf"} <= set(names)
    assert "control.shuffled_one_hot_columns" not in names
    assert "features: {categorical: [channel], numeric: [age]}" in use_case.write_files()["parameters_tasks.yml"]


def test_a_text_alone_has_no_encoder_of_columns_and_clusters_have_no_columns(tmp_path: Path) -> None:
    candidates = build_use_case("mine", propose(brought_files.no_header, tmp_path)).candidates
    assert not [each.name for each in candidates if "columns" in each.name]
    clustered = propose(brought_files.reviews_with_columns, tmp_path, kind="clustering")
    assert "features" not in clustered.source and not clustered.has_columns and not clustered.notes


def test_items_get_their_texts_from_the_second_file_and_a_rating_its_line(tmp_path: Path) -> None:
    proposal = propose(brought_files.interactions, tmp_path)
    assert proposal.source["items"] == "movies.csv" and proposal.source["text"] == "title"
    assert (proposal.source["rating"], proposal.source["min_rating"]) == ("rating", 4.0)
    assert not propose(brought_files.takes_without_time, tmp_path).has_texts


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        ("one,two\n1,2\n3,4\n", "rows with the columns .*: no task is recognized; say which columns are meant with --text"),
    ],
)
def test_files_of_no_task_are_refused_with_what_was_found(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "numbers.csv").write_text(content)
    with pytest.raises(DataError, match=message):
        propose_tasks(describe_files([tmp_path / "numbers.csv"], tmp_path), Named())
    with pytest.raises(DataError, match="there is no such file"):
        describe_files([tmp_path / "absent.csv"], tmp_path)


def test_an_estimate_grows_with_the_file_and_a_fast_run_is_kept_to_minutes(tmp_path: Path) -> None:
    proposal = propose(brought_files.table_with_an_index, tmp_path)
    large = replace(proposal, n_items=200_000, words=150.0)
    small, huge = (build_use_case("mine", each) for each in (proposal, large))
    assert estimate_seconds(huge.candidates, large) > 20 * estimate_seconds(small.candidates, proposal)
    first = [candidate for candidate in huge.candidates if candidate.is_first]
    assert huge.sample < 10_000 and estimate_seconds(first, large, huge.sample) <= 300
    assert estimate_seconds([], proposal) > 0
