"""Docstrings of installed packages, parsed and never imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from emb_pipeline.errors import DataError
from emb_pipeline.readers.docstrings.packages import (
    SCHEMA,
    build_docstring_table,
    build_subpackage_examples,
    build_summary_retrieval,
    documents,
    is_held_out,
    split_docstring,
)
from emb_pipeline.text.held_out import HeldOut
from emb_pipeline.text.tokens import write_tokens
from emb_pipeline.text.words import tokenize

MODULE = '''"""Tools for stars.

They are far away.
"""
raise RuntimeError("this module must not be imported")

class Star:
    """A ball of
    hot gas.

    It shines.

    >>> Star().shine()
    'light'

    At night.
    """
    def shine(self):
        """Send out light."""
        def inner():
            """Deep inside."""

if True:
    def far(): "How far it is."

def copy(): """Send out light."""
def twice(): "First of two."
def twice(): "Second of two."
'''


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    root = tmp_path / "site" / "stargazing"
    for name, content in {
        "__init__.py": '"""Look up."""',
        "sky/__init__.py": "",
        "sky/stars.py": MODULE,
        "near.py": '"""Near things."""',
        "sky/tests/test_stars.py": '"""A test."""',
        "sky/broken.py": "def (:",
        "sky/template.py": b"\xff".decode("latin-1"),
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return "stargazing"


def table_of(*rows: tuple[str, str, str, str]) -> pa.Table:
    """From rows of qualified name, subpackage, summary and body."""
    return pa.Table.from_pylist(
        [
            dict(zip(SCHEMA.names, (name, name.split(".")[0], subpackage, name, summary, body), strict=True))
            for name, subpackage, summary, body in rows
        ],
        schema=SCHEMA,
    )


@pytest.mark.slow
def test_docstrings_of_modules_classes_and_functions_are_found_without_importing(package: str, tmp_path: Path) -> None:
    table = build_docstring_table([package], tmp_path / "cache", workers=1)
    assert table.schema == SCHEMA
    assert [tuple(row.values())[2:] for row in table.to_pylist()] == [
        ("", "stargazing", "Look up.", ""),
        ("stargazing.near", "stargazing.near", "Near things.", ""),
        ("stargazing.sky", "stargazing.sky.stars", "Tools for stars.", "They are far away."),
        ("stargazing.sky", "stargazing.sky.stars.Star", "A ball of hot gas.", "It shines.\n\n\nAt night."),
        ("stargazing.sky", "stargazing.sky.stars.Star.shine", "Send out light.", ""),
        ("stargazing.sky", "stargazing.sky.stars.Star.shine.inner", "Deep inside.", ""),
        ("stargazing.sky", "stargazing.sky.stars.far", "How far it is.", ""),
        ("stargazing.sky", "stargazing.sky.stars.twice", "First of two.", ""),
        ("stargazing.sky", "stargazing.sky.stars.twice", "Second of two.", ""),
    ]
    assert table["doc_id"].to_pylist()[-2:] == ["stargazing.sky.stars.twice", "stargazing.sky.stars.twice#2"]
    assert not [name for name in sys.modules if name.startswith("stargazing")]


def test_the_table_is_read_from_the_cache_until_the_package_changes(package: str, tmp_path: Path) -> None:
    first = build_docstring_table([package], tmp_path / "cache", workers=1)
    cached = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").glob("*.parquet")}
    assert build_docstring_table([package], tmp_path / "cache", workers=1).equals(first)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").glob("*.parquet")} == cached
    (tmp_path / "site/stargazing/near.py").write_text('"""Nearer things than before."""')
    assert (
        "Nearer things than before."
        in build_docstring_table([package], tmp_path / "cache", workers=1)["summary"].to_pylist()
    )


@pytest.mark.slow
def test_worker_processes_give_the_same_table(package: str, tmp_path: Path) -> None:
    for number in range(60):
        (tmp_path / f"site/stargazing/m{number}.py").write_text(f'"""Module number {number}."""')
    assert build_docstring_table([package], tmp_path / "two", workers=2).equals(
        build_docstring_table([package], tmp_path / "one", workers=1)
    )


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no_such_package", "is not installed"),
        ("os.path", "is not the name of a top-level package"),
        ("this", "is not installed"),
    ],
)
def test_a_package_that_is_not_there_is_refused(name: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=reason):
        build_docstring_table([name], tmp_path)


def test_doctests_are_taken_out_with_their_output() -> None:
    docstring = "Add.\n\n    Examples\n    --------\n    >>> add(1,\n    ...     2)\n    3\n\n    Done. a >>> b stays.\n    "
    assert split_docstring(docstring) == ("Add.", "Examples\n--------\n\nDone. a >>> b stays.")


def test_summaries_of_public_names_are_examples_of_their_subpackage() -> None:
    rows = [(f"p.a.f{i}", "p.a", f"Do the first thing number {i}", "") for i in range(20)]
    rows += [(f"p.b.g{i}", "p.b", f"Do the other thing number {i}", "") for i in range(20)]
    rows += [
        ("p.a._private", "p.a", "Do the hidden thing right now", ""),
        ("p.a.__len__", "p.a", "Count all of the things", ""),
        ("p.a.short", "p.a", "Too short", ""),
        ("p.c.rare", "p.c", "Alone in its own sub-package", ""),
        ("p.a.f0_again", "p.a", "do the FIRST thing, number 0.", ""),
    ]
    examples = build_subpackage_examples(table_of(*rows), min_examples=5, min_tokens=4, test_share=0.3)
    assert examples.column_names == ["example_id", "text", "label", "split"]
    assert set(examples["example_id"].to_pylist()) == {name for name, *_ in rows[:40]} | {"p.a.__len__"}
    for text, split in zip(examples["text"].to_pylist(), examples["split"].to_pylist(), strict=True):
        assert split == ("test" if is_held_out(tokenize(text), 0.3) else "train")


def test_a_summary_in_two_subpackages_stays_on_one_side_of_the_split() -> None:
    rows = [(f"p.{part}.f{i}", f"p.{part}", f"Compute quantity number {i}", "") for part in "ab" for i in range(50)]
    examples = build_subpackage_examples(table_of(*rows), min_examples=5, min_tokens=3, test_share=0.5)
    sides: dict[str, set[str]] = {}
    for text, split in zip(examples["text"].to_pylist(), examples["split"].to_pylist(), strict=True):
        sides.setdefault(text, set()).add(split)
    assert examples.num_rows == 100
    assert all(len(side) == 1 for side in sides.values())
    assert 15 < sum(side == {"test"} for side in sides.values()) < 35


def test_fewer_than_two_subpackages_are_refused() -> None:
    with pytest.raises(DataError, match="fewer than two sub-packages have 5 summaries"):
        build_subpackage_examples(
            table_of(("p.a.f", "p.a", "Do the one thing", "")), min_examples=5, min_tokens=4, test_share=0.3
        )


BODY = "This body has words enough to be a passage, as it is number {} of its kind and goes on and on until it is enough."


def test_held_out_summaries_are_queries_for_their_bodies() -> None:
    rows = [(f"p.a.f{i}", "p.a", f"Do the thing number {i}", BODY.format(i)) for i in range(40)]
    rows += [
        ("p.a.short", "p.a", "Do the thing that is short", "Too short."),
        ("p.a.copy", "p.a", "Do the thing number 0", BODY.format("zero")),
    ]
    queries, passages, qrels = build_summary_retrieval(
        table_of(*rows), max_queries=100, min_tokens=4, min_body_tokens=20, test_share=0.99
    )
    assert passages.num_rows == 41
    assert queries.num_rows >= 35
    judged: dict[str, list[str]] = {}
    for row in qrels.to_pylist():
        assert row["relevance"] == 1
        judged.setdefault(row["query_id"], []).append(row["passage_id"])
    assert judged.pop("p.a.f0", ["p.a.copy", "p.a.f0"]) == ["p.a.copy", "p.a.f0"]
    assert all(found == [query_id] for query_id, found in judged.items())


def test_a_body_that_repeats_its_summary_is_nobodys_answer_but_stays_a_passage() -> None:
    rows = [
        ("p.a.f", "p.a", "Do this thing here", BODY.format("one")),
        ("p.a.g", "p.a", "Do that thing there", "Do that thing there. " + BODY),
    ]
    queries, passages, _ = build_summary_retrieval(
        table_of(*rows), max_queries=9, min_tokens=4, min_body_tokens=20, test_share=1 - 1e-9
    )
    assert queries["query_id"].to_pylist() == ["p.a.f"]
    assert passages.num_rows == 2


def test_queries_are_a_repeatable_sample() -> None:
    table = table_of(*((f"p.a.f{i}", "p.a", f"Do the thing number {i}", BODY.format(i)) for i in range(40)))
    first, again = (
        build_summary_retrieval(table, max_queries=5, min_tokens=4, min_body_tokens=20, test_share=0.9) for _ in range(2)
    )
    assert first[0].num_rows == 5
    assert first[0].equals(again[0])


def test_fewer_passages_keep_every_answer() -> None:
    table = table_of(*((f"p.a.f{i}", "p.a", f"Do the thing number {i}", BODY.format(i)) for i in range(40)))

    def read(**more: int) -> tuple[set[str], set[str], set[str]]:
        queries, passages, qrels = build_summary_retrieval(
            table, max_queries=5, min_tokens=4, min_body_tokens=20, test_share=0.9, **more
        )
        columns = queries["query_id"], passages["passage_id"], qrels["passage_id"]
        return tuple(set(column.to_pylist()) for column in columns)  # type: ignore[return-value]

    queries, every_passage, answers = read()
    assert len(every_passage) == 40
    assert len(answers) == 5
    for n, expected in ((12, 12), (5, 5), (1, 5), (100, 40)):
        found = read(max_passages=n)
        assert found[0] == queries
        assert found[2] == answers
        assert len(found[1]) == expected
        assert answers <= found[1] <= every_passage


def test_training_queries_leave_the_searched_passages_as_they_are() -> None:
    table = table_of(*((f"p.a.f{i}", "p.a", f"Do the thing number {i}", BODY.format(i)) for i in range(40)))

    def read(n: int) -> tuple[set[str], set[str], set[str]]:
        queries, passages, qrels = build_summary_retrieval(
            table, max_queries=40, min_tokens=4, min_body_tokens=20, test_share=0.3, max_passages=20, training_queries=n
        )
        rows = zip(queries["query_id"].to_pylist(), queries["split"].to_pylist(), strict=True)
        split = dict(rows)
        assert set(qrels["passage_id"].to_pylist()) <= set(passages["passage_id"].to_pylist())
        tested = {query for query in split if split[query] == "test"}
        return tested, set(split) - tested, set(passages["passage_id"].to_pylist())

    tested, none, passages = read(0)
    for n in (4, 100):
        found = read(n)
        assert (found[0], found[2]) == (tested, passages)
        assert len(found[1]) == min(n, 20 - len(tested)) > 0
    assert not none


def test_without_a_held_out_body_there_is_no_task() -> None:
    with pytest.raises(DataError, match="no held-out summary has a body"):
        build_summary_retrieval(
            table_of(("p.a.f", "p.a", "Do this", "")), max_queries=5, min_tokens=1, min_body_tokens=20, test_share=0.5
        )


def test_held_out_summaries_do_not_reach_a_corpus_of_docstrings(tmp_path: Path) -> None:
    table = table_of(
        ("p.a.f", "p.a", "Do this thing. It works", "The body stays."), ("p.a.g", "p.a", "Do that", "So does this.")
    )
    corpus = write_tokens(documents(table), tmp_path / "corpus", held_out=HeldOut(["Do this thing. It works"]).is_held_out)
    assert list(corpus) == [["the", "body", "stays"], ["do", "that"], ["so", "does", "this"]]


@pytest.mark.slow
def test_a_plain_script_without_a_main_guard_can_call_it(tmp_path: Path) -> None:
    script = tmp_path / "plain.py"
    script.write_text(
        "from pathlib import Path\n"
        "from emb_pipeline.readers.docstrings.packages import build_docstring_table\n"
        f"print(build_docstring_table(['joblib', 'pooch'], Path({str(tmp_path / 'cache')!r})).num_rows)\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, int(done.stdout) > 100) == (0, True), done.stderr
