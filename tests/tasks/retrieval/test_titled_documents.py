"""A folder of documents becomes a retrieval task: with judgments of one's own, or by titles and headings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import TypeAdapter, ValidationError

from emb_pipeline.errors import DataError
from emb_pipeline.tasks.retrieval.reader import RetrievalReader
from emb_pipeline.tasks.retrieval.task import RetrievalTask

SOURCE: TypeAdapter[Any] = TypeAdapter(RetrievalReader.source_type)
BODY = "There is a word about it, and then another, and so on until ten are written here."
COLORS = "red green blue white black yellow brown pink grey orange purple teal".split()


def write_guides(folder: Path) -> None:
    for color in COLORS:
        (folder / f"{color}.md").write_text(
            f"# The {color} guide\n\nA {color} thing. {BODY}\n\n## Before the start\n{color} first. {BODY}\n\n"
            f"## How {color} works\nIt is {color} inside. {BODY}\n"
        )


def read(folder: Path, **options: Any) -> dict[str, pa.Table]:
    source = SOURCE.validate_python({"reader": "titled_documents", "path": ".", **options})
    return RetrievalReader().read(source, folder, folder, "guides")


def queries_of(tables: dict[str, pa.Table]) -> dict[str, str]:
    """Each query with the passage that answers it."""
    task = RetrievalTask.from_tables(tables)
    rows, columns = task.qrels.nonzero()
    assert len(rows) == len(task.queries)
    return {task.queries[row]: task.passages[column] for row, column in zip(rows.tolist(), columns.tolist(), strict=True)}


def counts(tables: dict[str, pa.Table]) -> dict[str, int]:
    return {row["check"]: row["count"] for row in RetrievalReader().audit(tables).to_pylist()}


def test_a_document_is_found_by_its_title_which_it_loses(tmp_path: Path) -> None:
    write_guides(tmp_path)
    found = queries_of(read(tmp_path))
    assert set(found) == {f"The {color} guide" for color in COLORS}
    red = found["The red guide"]
    assert red.startswith("A red thing.") and "The red guide" not in red and "## Before the start\nred first." in red


def test_a_section_is_found_by_its_heading_and_repeated_headings_ask_for_nothing(tmp_path: Path) -> None:
    write_guides(tmp_path)
    tables = read(tmp_path, queries="headings", searched="sections")
    found = queries_of(tables)
    assert len(found) == 2 * len(COLORS) and "Before the start" not in found
    assert found["How red works"] == f"It is red inside. {BODY}"
    assert found["The red guide"] == f"A red thing. {BODY}"
    assert tables["passages"].num_rows == 3 * len(COLORS)
    assert counts(tables)["repeated_titles"] == len(COLORS)


def test_whole_documents_are_found_by_their_headings_too(tmp_path: Path) -> None:
    write_guides(tmp_path)
    tables = read(tmp_path, queries="headings")
    found = queries_of(tables)
    assert tables["passages"].num_rows == len(COLORS)
    assert found["How red works"] == found["The red guide"]
    assert "## Before the start" in found["How red works"] and "How red works" not in found["How red works"]
    assert tables["passages"]["passage_id"].to_pylist().count("red.md") == 1


def test_titles_that_several_documents_share_are_queries_where_that_is_asked_for(tmp_path: Path) -> None:
    write_guides(tmp_path)
    tables = read(tmp_path, queries="headings", searched="sections", most_passages=12)
    task = RetrievalTask.from_tables(tables)
    shared = list(task.queries).index("Before the start")
    assert int((task.qrels[[shared]] > 0).sum()) == len(COLORS)


def test_the_audit_counts_what_is_no_query_by_its_reason(tmp_path: Path) -> None:
    write_guides(tmp_path)
    (tmp_path / "untitled.txt").write_text(f"Nothing above. {BODY}")
    (tmp_path / "short.md").write_text(f"# Short\n{BODY} Once more.")
    (tmp_path / "empty.md").write_text("# An empty document\nfew words")
    (tmp_path / "repeating.md").write_text(f"# A repeated title\n{BODY} See: a Repeated title!")
    tables = read(tmp_path)
    assert len(queries_of(tables)) == len(COLORS)
    found = counts(tables)
    assert {name: found[name] for name in found if "title" in name} == {
        "documents_without_title": 1,
        "short_titles": 1,
        "titles_without_text": 1,
        "titles_in_their_passage": 1,
    }
    assert tables["passages"].num_rows == len(COLORS) + 3
    assert "A repeated title" in queries_of(read(tmp_path, keep_repeated=True))
    assert "Short" in queries_of(read(tmp_path, min_words=1))


def test_no_training_title_asks_for_a_passage_that_is_evaluated(tmp_path: Path) -> None:
    write_guides(tmp_path)
    source = SOURCE.validate_python(
        {"reader": "titled_documents", "path": ".", "queries": "headings", "max_queries": 12, "training_queries": 8}
    )
    tables = RetrievalReader().read(source, tmp_path, tmp_path, "guides")
    task = RetrievalTask.from_tables(tables)
    assert len(task.queries) == 12 and RetrievalReader().has_training_examples(source)
    assert task.training_qrels is not None
    assert not set(task.qrels.nonzero()[1]) & set(task.training_qrels.nonzero()[1])


def test_a_folder_without_a_usable_title_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(BODY)
    with pytest.raises(DataError, match="none of its 0 titles"):
        read(tmp_path)


def test_sections_have_headings_and_no_titles() -> None:
    with pytest.raises(ValidationError, match="queries: headings"):
        SOURCE.validate_python({"reader": "titled_documents", "path": ".", "searched": "sections"})


def write_own(folder: Path) -> None:
    (folder / "docs").mkdir()
    write_guides(folder / "docs")
    rows = "".join(f"q{number},what is {color}?\n" for number, color in enumerate(COLORS))
    (folder / "queries.csv").write_text("query_id,text\n" + rows)
    judged = "".join(f"q{number},{color}.md\n" for number, color in enumerate(COLORS))
    (folder / "qrels.csv").write_text("query_id,passage_id\n" + judged)


def own_source(**documents: Any) -> Any:
    passages = {"reader": "documents", "path": "docs", **documents}
    return SOURCE.validate_python({"reader": "tables", "queries": "queries.csv", "qrels": "qrels.csv", "passages": passages})


def test_the_documents_of_a_folder_are_passages_with_their_names_as_ids(tmp_path: Path) -> None:
    write_own(tmp_path)
    tables = RetrievalReader().read(own_source(), tmp_path, tmp_path, "own")
    assert sorted(tables["passages"]["passage_id"].to_pylist()) == sorted(f"{color}.md" for color in COLORS)
    assert queries_of(tables)["what is red?"].startswith("# The red guide")


def test_a_judgment_of_a_document_that_is_not_there_is_refused_with_its_row(tmp_path: Path) -> None:
    write_own(tmp_path)
    (tmp_path / "docs/blue.md").unlink()
    with pytest.raises(DataError) as refused:
        RetrievalReader().read(own_source(), tmp_path, tmp_path, "own")
    assert str(refused.value).startswith("qrels.csv, row 4: passage 'blue.md' is not in docs;")


def test_a_document_that_cannot_be_read_is_refused_or_left_out(tmp_path: Path) -> None:
    write_own(tmp_path)
    (tmp_path / "docs/broken.docx").write_bytes(b"no")
    with pytest.raises(DataError, match=r"broken\.docx"):
        RetrievalReader().read(own_source(), tmp_path, tmp_path, "own")
    tables = RetrievalReader().read(own_source(on_error="skip"), tmp_path, tmp_path, "own")
    assert tables["passages"].num_rows == len(COLORS)
    assert counts(tables)["left_out_errors"] == 1


def test_the_files_of_the_folder_are_known_to_what_watches_for_changes(tmp_path: Path) -> None:
    from emb_pipeline.provenance.raw_files import FileHashes, fingerprint_inputs

    write_own(tmp_path)
    before = fingerprint_inputs(own_source(), tmp_path, tmp_path, FileHashes())
    assert {"queries.csv", "qrels.csv", "docs/red.md"} <= set(before)
    (tmp_path / "docs/red.md").write_text("other")
    assert fingerprint_inputs(own_source(), tmp_path, tmp_path, FileHashes()) != before
