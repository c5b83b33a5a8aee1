"""What failed, and what each class scores, on the page and in the terminal: names of any characters stay text."""

from __future__ import annotations

import pandas as pd
import pytest
from rich.console import Console

from emb_pipeline.reporting.console import write_failures
from emb_pipeline.reporting.results import result
from emb_pipeline.reporting.sections.scores.classes import show_classes
from tests.reporting.conftest import Tables, report_page

CLASSES = pd.DataFrame(
    [("topic", "task.tfidf", "<b>", 0.5, 1.0, 2 / 3, 3, 6), ("topic", "task.tfidf", "A & B", None, 0.0, 0.0, 3, 0)],
    columns=["task", "embedding", "class", "precision", "recall", "f1", "n", "n_predicted"],
)
CONFUSIONS = pd.DataFrame(
    [("topic", "task.tfidf", "<b>", "<b>", 3), ("topic", "task.tfidf", "A & B", "<b>", 3)],
    columns=["task", "embedding", "label", "predicted", "n"],
)
FAILURES = pd.DataFrame(
    [
        ("domain.glove_100", "domain", None, "loss is <nan>"),
        ("domain.glove_100", "domain", "topic", "its training failed: loss is <nan>"),
        ("domain.glove_100", "domain", "search", "its training failed: loss is <nan>"),
    ],
    columns=["embedding", "origin", "task", "reason"],
)


@pytest.mark.slow
def test_names_of_classes_and_reasons_are_escaped(tables: Tables) -> None:
    page = report_page(**{**tables, "class_results": CLASSES, "confusions": CONFUSIONS, "failures": FAILURES})
    assert "&lt;b&gt;" in page and "A &amp; B" in page and "loss is &lt;nan&gt;" in page
    assert "<nan>" not in page and '<th scope="row"><b>' not in page
    assert page.count('id="failed"') == 1 and "topic, search" in page


def test_the_best_embedding_is_shown_class_by_class(tables: Tables) -> None:
    of_topic = result("topic", tables["leaderboard"], tables["comparisons"], tables["origins"], tables["audit"])
    view = show_classes(of_topic, CLASSES, CONFUSIONS)
    assert view is not None and view["embedding"] == "task.tfidf"
    assert [line[0] for line in view["lines"]] == ["<b>", "A & B"]
    assert view["matrix"] == (
        ["<b>", "A & B"],
        [("<b>", [(3, True), (0, False)]), ("A & B", [(3, False), (0, True)])],
    )
    assert view["confused"] == [("A & B", "<b>", "3", "100.0\u202f%")]


def test_the_terminal_has_a_line_per_embedding_and_reason() -> None:
    terminal = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    terminal.print(write_failures(FAILURES))
    assert terminal.export_text().strip() == "domain.glove_100 on topic, search failed: loss is <nan>"
