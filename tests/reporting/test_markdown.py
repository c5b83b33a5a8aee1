"""Tables of the report in Markdown."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest
from markdown_it import MarkdownIt
from markupsafe import Markup
from rich.console import Console

from emb_pipeline.reporting.console import write_decision
from emb_pipeline.reporting.markdown import main, newest, write_answer, write_effects, write_leaderboard
from emb_pipeline.reporting.report import render_report
from emb_pipeline.reporting.section import Report
from emb_pipeline.reporting.sections.summary.deploy import describe_decision
from emb_pipeline.reporting.sections.summary.recommendation import recommend_all
from emb_pipeline.reporting.tables import ReportTables
from tests.reporting.conftest import SEARCH, Tables, leaderboard
from tests.reporting.tiny import of_frame, tiny_report


def test_a_row_per_embedding_and_a_column_per_task(tables: Tables) -> None:
    lines = write_leaderboard(tables["leaderboard"], ["topic", "search"]).splitlines()
    assert lines[0] == "| embedding | `topic`, accuracy % | `search`, nDCG@10 |"
    assert lines[1] == "|---|---:|---:|"
    assert lines[2] == "| `task.tfidf` | 75.6 [74.1, 77.1] a |  |"
    assert lines[3].startswith("| `domain.word2vec_100` | 74.8 [73.3, 76.3] a | 0.471 [0.456, 0.486]")
    assert [line.split("`")[1].split(".")[0] for line in lines[-2:]] == ["control", "control"]


def test_the_answer_has_what_to_deploy_and_the_highest_scores(tables: Tables) -> None:
    answer = write_answer(ReportTables(leaderboard=of_frame("leaderboard", tables["leaderboard"])), n_rows=2)
    topic, search = answer.split("## search")
    assert topic.startswith("## topic\n\nTF-IDF, fitted on the task's own data (`task.tfidf`) scores highest.")
    assert "| embedding | accuracy % |" in topic and topic.count("\n| Word2Vec") == 1 == topic.count(
        "\n| TF-IDF (`task.tfidf`) |"
    )
    assert "more" in topic and "nDCG@10" in search


def test_the_answer_in_markdown_and_on_the_terminal_holds_every_sentence_of_the_page() -> None:
    report = tiny_report()
    markdown, terminal = write_answer(report.tables), io.StringIO()
    Console(width=900, file=terminal, color_system=None).print(write_decision(report.tables))
    page = Markup(render_report(report.tables, report.run)).striptags()
    for task, found in [*recommend_all(report), ("", None)]:
        sentences = [found.headline, *(text for _, text in found.lines())] if found else []
        sentences += [each.text for name, said in describe_decision(*decided(report)) if name == task for each in said]
        for sentence in sentences:
            assert report.names.write_markdown(sentence) in markdown
            assert " ".join(report.names.write_html(sentence).striptags().split()) in page
        if found:
            assert report.names.write_text(found.headline) in terminal.getvalue()


def decided(report: Report) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    return report.tables.decision, report.tables.relaxations, report.tables.joint_choice


def test_seeds_are_one_row() -> None:
    board = leaderboard({"domain.word2vec_100": 0.7, "domain.word2vec_100_seed1": 0.6})
    rows = write_leaderboard(board).splitlines()[2:]
    assert len(rows) == 1 and rows[0].startswith("| `domain.word2vec_100` | 65.0 ")


def test_an_unknown_task_is_refused(tables: Tables) -> None:
    with pytest.raises(ValueError, match="no task 'topics'; it has topic, search"):
        write_leaderboard(tables["leaderboard"], ["topics"])


def test_effects_are_bold_where_the_adjusted_p_says_so() -> None:
    row = {
        "factor": "fine_tuning",
        "task": "topic",
        "metric": "accuracy",
        "embedding_a": "domain.w_tuned_topic",
        "embedding_b": "domain.w",
        "difference": 0.1,
        "ci_low": 0.08,
        "ci_high": 0.12,
        "p_adjusted": 0.001,
    }
    worse = {**row, "task": "search", "metric": "ndcg@10", "difference": -0.01, "ci_low": -0.03, "ci_high": 0.01}
    other = {**row, "factor": "corpus", "embedding_a": "domain.w", "embedding_b": "generic.w"}
    table = write_effects(pd.DataFrame([row, {**worse, "p_adjusted": 0.4}, other]), "fine_tuning", ["topic", "search"])
    cells = "**+10.0 [8.0, 12.0]** | \u22120.010 [\u22120.030, 0.010] |"
    assert table.splitlines()[2:] == [f"| `domain.w_tuned_topic` | `domain.w` | {cells}"]


def test_the_newest_version_is_read(tmp_path: Path) -> None:
    for version, value in (("2026-01-02", 0.9), ("2026-01-01", 0.1)):
        (tmp_path / "leaderboard.parquet" / version).mkdir(parents=True)
        table = leaderboard({**SEARCH, "task.bm25": value}, task="search", kind="retrieval")
        table.to_parquet(tmp_path / "leaderboard.parquet" / version / "leaderboard.parquet")
    assert "| `task.bm25` | 0.900 " in main([str(tmp_path)])
    with pytest.raises(FileNotFoundError, match="holds no effects: run the use case first"):
        newest(tmp_path, "effects")


def test_nothing_in_a_name_ends_its_code_or_its_cell() -> None:
    lines = write_leaderboard(leaderboard({"task.`<script>|x`": 0.8, "task.y": 0.7})).splitlines()
    assert lines[2].startswith("| `` task.`<script>\\|x` `` | 80.0 ")
    rendered = MarkdownIt().enable("table").render("\n".join(lines))
    assert "<script>" not in rendered and "<code>task.`&lt;script&gt;|x`</code>" in rendered
