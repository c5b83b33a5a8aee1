"""Pairs of functions from "See Also" sections."""

from __future__ import annotations

import pyarrow as pa
import pytest

from emb_pipeline.errors import DataError
from emb_pipeline.readers.docstrings.links import build_linked_summaries

SECTION = "Longer text.\n\nSee Also\n--------\n{}\n\nNotes\n-----\nfar : not an entry of the section\n"
ROWS = [
    ("a.one.open", "a.one", "Open a file for source.", SECTION.format("close : Ends it.\nread, write")),
    ("a.one.close", "a.one", "Close a file that is open.", ""),
    ("a.one.read", "a.one", "Read all of a file.", ""),
    ("a.two.read", "a.two", "Read one line of it.", ""),
    ("a.one.write", "a.one", "Write text to a file.", ""),
    ("a.one.far", "a.one", "Something that is far away.", ""),
    ("a.one.near", "a.one", "Something that is quite near.", ""),
    ("a.one.other", "a.one", "Something that is another thing.", ""),
    ("b.one.open", "b.one", "Open a door with care.", SECTION.format("read")),
]


def docstrings(rows: list[tuple[str, str, str, str]]) -> pa.Table:
    return pa.table(
        dict(zip(("qualified_name", "subpackage", "summary", "body"), map(list, zip(*rows, strict=True)), strict=True))
    )


def test_named_functions_are_linked_and_each_link_brings_an_unlinked_pair_of_the_same_sub_package() -> None:
    table = build_linked_summaries(docstrings(ROWS), max_links=100, min_tokens=3).to_pylist()
    linked = {frozenset(row["pair_id"].split()) for row in table if row["score"] == 1}
    assert linked == {frozenset({"a.one.open", f"a.one.{name}"}) for name in ("close", "read", "write")}
    unlinked = [row["pair_id"].split() for row in table if row["score"] == 0]
    assert len(unlinked) == 3 and all(name.startswith("a.one.") for pair in unlinked for name in pair)
    assert not linked & {frozenset(pair) for pair in unlinked}
    assert len({row["pair_id"] for row in table}) == len(table)
    assert not any("See Also" in row["text_a"] + row["text_b"] for row in table)


def test_a_sample_is_the_same_every_time() -> None:
    first, again = (build_linked_summaries(docstrings(ROWS), max_links=2, min_tokens=3) for _ in range(2))
    assert first == again and first["score"].to_pylist().count(1.0) == 2


def test_docstrings_without_links_are_refused() -> None:
    with pytest.raises(DataError, match="no docstring names another one"):
        build_linked_summaries(docstrings([(*row[:3], "") for row in ROWS]), max_links=10, min_tokens=3)
