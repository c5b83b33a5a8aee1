"""Each section renders alone, from tables that nodes write; without them it says nothing."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

import jinja2
import plotly.graph_objects as go
import pytest
from kedro.pipeline import Pipeline

from emb_pipeline.experiment.build import build_experiment
from emb_pipeline.experiment.expand import expand_grid
from emb_pipeline.pipelines import decide, measure, report
from emb_pipeline.reporting import tables
from emb_pipeline.reporting.gathered_tables import GATHERED, STORED
from emb_pipeline.reporting.registry import SECTIONS
from emb_pipeline.reporting.report import make_environment, read_packaged, render_report, render_section
from emb_pipeline.reporting.run import Run
from emb_pipeline.reporting.section import Report, Section
from emb_pipeline.reporting.tables import COLUMNS, ReportTables, empty_table
from emb_pipeline.statistics.embedding_facts import FACTS
from emb_pipeline.storage.failures import FAILURES
from tests.reporting.tiny import TINY, tiny_report

PHRASES = {
    "pairs": "First embedding</label>",
    "answer": 'task.tfidf">TF-IDF</span> scores',
    "deploy": 'task.tfidf">TF-IDF</span>, 75.6',
    "cutoffs": "at a recall of 0.810 [0.770, 0.850]",
    "compared": "ranked by accuracy",
    "chosen": "dropped",
    "failed": "the loss is no number",
    "leaderboards": "confusion table",
    "why": "p adjusted for the rows of a task",
    "closeness": "first 1 of 9 embeddings loses 1.3 points",
    "agreement": "70.0\u202f% more real queries",
    "transfer": "1 of 1 dense embeddings lose less and 0 more",
    "swaps": "in 120 texts. 70 have the first side alone (Emily, Anne, Jill)",
    "methods": "figure-methods-topic",
    "dimensions": "PIP loss",
    "users_and_items": "1 of 1 embeddings say more of it than the number of interactions does",
    "labels": "Up to 300 labels",
    "diagnosis": "placed by t-SNE",
    "audit": "50 of 200 test units",
    "label_errors": "all embeddings keep their rank",
    "cost": "figure-cost-bytes_per_item-topic",
    "matrices": "cheaper than a sparse one from 30 words on",
    "periods": "is better by 6.0 points [1.2, 10.8] there",
    "search": "against all 9,000 passages",
    "stack": "TF-IDF</span>: +6.1 points",
    "names": "<code>domain.word2vec_100</code>",
    "reproduce": "kedro run --env tiny",
}
OPTIONAL = {
    "agreement",
    "closeness",
    "cutoffs",
    "deploy",
    "chosen",
    "failed",
    "label_errors",
    "labels",
    "diagnosis",
    "matrices",
    "names",
    "pairs",
    "periods",
    "search",
    "stack",
    "swaps",
    "transfer",
    "users_and_items",
}
"""Sections that a report without their tables does not have."""


@pytest.mark.slow
@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.name)
def test_a_section_renders_alone_from_tables_of_exactly_their_schema(section: Section) -> None:
    written = render_section(section, tiny_report())
    assert written is not None and PHRASES[section.name] in written
    assert "nan" not in written.striptags().split()


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.name)
def test_a_section_without_tables_says_nothing_or_why(section: Section) -> None:
    written = render_section(section, Report(ReportTables(), Run("tiny")))
    assert (written is None) == (section.name in OPTIONAL)


@pytest.fixture(scope="module")
def environment() -> jinja2.Environment:
    return make_environment()


class WatchedTables(ReportTables):
    """Tables that note which of them are read."""

    def __getattribute__(self, name: str) -> Any:
        if name in COLUMNS:
            vars(self).setdefault("read", set()).add(name)
        return super().__getattribute__(name)


@pytest.fixture(scope="module")
def whole(environment: jinja2.Environment) -> dict[Section, tuple[str | None, set[str]]]:
    """Each section of the whole report, and the tables that it is made from."""
    written = {}
    for section in SECTIONS:
        report = Report(WatchedTables(**TINY), tiny_report().run)
        written[section] = render_section(section, report, environment), vars(report.tables).get("read", set())
    return written


@pytest.mark.slow
@pytest.mark.parametrize("name", COLUMNS)
def test_every_table_is_shown_by_a_section(
    name: str, whole: dict[Section, tuple[str | None, set[str]]], environment: jinja2.Environment
) -> None:
    without = tiny_report(**{name: empty_table(name)})
    readers = {section: written for section, (written, read) in whole.items() if name in read}
    assert any(written != render_section(section, without, environment) for section, written in readers.items())


def test_every_table_has_a_schema_and_rows_to_be_tested_with() -> None:
    assert [each.name for each in fields(ReportTables)] == list(COLUMNS) == list(TINY)


@pytest.fixture(scope="module")
def steps() -> Pipeline:
    """What measures, decides and reports on a task of each kind that has figures of its own, with corrupted text."""
    corrupted = {"of": "domain.word2vec_8", "typos": [0.3]}
    grid = {"corpora": ["domain", "generic"], "methods": {"word2vec": [8]}, "baselines": ["tfidf"], "corrupted": [corrupted]}
    grid |= {"tasks": ["topic", "search"]}
    source = {"reader": "csv", "path": "a.csv", "label": "label", "time": "sent"}
    tasks = {"topic": {"kind": "classification", "source": source}, "search": {"kind": "retrieval"}}
    parameters = {"use_case": "x", "grid": grid, "tasks": tasks, "corpora": {"domain": {}, "generic": {}}}
    experiment = build_experiment({**parameters, "embeddings": expand_grid(grid, {"word2vec": {}, "tfidf": {}})})
    return Pipeline([stage.create_pipeline(experiment=experiment) for stage in (measure, decide, report)])


def test_every_table_is_written_by_a_node_or_gathered_by_the_page(steps: Pipeline) -> None:
    (page,) = (step for step in steps.nodes if step.name.endswith("write_page"))
    assert set(STORED) <= {name.rpartition(".")[2] for name in page.inputs if name in steps.all_outputs()}
    assert set(COLUMNS) == {*STORED, *GATHERED}


class Asked(dict[str, go.Figure]):
    """No figures, but the names of those that were asked for."""

    def get(self, name: str, default: Any = None) -> Any:
        self.names = {*getattr(self, "names", ()), name}
        return default


@pytest.mark.slow
def test_every_figure_of_a_section_is_drawn_by_a_node(steps: Pipeline) -> None:
    asked, report = Asked(), tiny_report()
    render_report(report.tables, report.run, figures=asked)
    drawn = {name for name in steps.all_outputs() if name.endswith("_figure")}
    of_any_task = {re.sub("^(topic|search)_", "<task>_", name.removesuffix("_figure")) for name in drawn}
    assert {re.sub("^topic_", "<task>_", name) for name in asked.names} == of_any_task


def test_facts_and_failures_have_the_columns_that_nodes_write() -> None:
    assert set(tables.FACTS) <= set(FACTS)
    assert set(tables.FAILURES) == set(FAILURES.names)


@pytest.mark.slow
def test_sections_are_called_differently_and_stand_in_the_contents() -> None:
    report = tiny_report()
    page = render_report(report.tables, report.run)
    names = [section.name for section in SECTIONS]
    assert len(set(names)) == len(names)
    places = [page.index(f'<li><a href="#{name}">') for name in names]
    assert places == sorted(places)
    assert all(f'<section id="{name}"' in page for name in names)


def test_a_section_of_a_user_stands_where_it_is_listed_and_escapes_what_it_shows() -> None:
    own = Section("mine", "My section", lambda _: {"text": "<b>"}, markup="<p>{{ text }} on {{ run.use_case }}</p>")
    page = render_report(ReportTables(), Run("tiny"), [own])
    assert page.count("<section id=") == 1
    assert '<h2 id="mine-title">My section</h2>' in page and "<p>&lt;b&gt; on tiny</p>" in page


def test_every_template_is_of_a_section_or_included() -> None:
    from importlib.resources import files

    folder = files("emb_pipeline.reporting").joinpath("templates")
    stored = {each.name.partition(".")[0] for each in folder.iterdir() if each.name.endswith(".j2")}
    included = {name for name in stored if any(f'"{name}.html.j2"' in read_packaged(f"{each}.html.j2") for each in stored)}
    assert stored == {*(section.name for section in SECTIONS), *included, "page", "macros"}
