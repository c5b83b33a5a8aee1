"""Why embeddings differ on a task: domain text, method, dimension, tuning; one sentence and one figure each."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from markupsafe import Markup

from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.reporting import rows as pick
from emb_pipeline.reporting.findings import Finding, embedding
from emb_pipeline.reporting.names import Names
from emb_pipeline.reporting.results import Result
from emb_pipeline.reporting.section import Chart, Report, Section, embed
from emb_pipeline.reporting.sections.effects.derived import TITLES, build_line, draw_corruption_charts
from emb_pipeline.reporting.sections.effects.factors import (
    build_row_across_tasks,
    describe_average_effects,
    describe_factors,
    factor_label,
    overall_effects,
    plot_factors,
    word_verdicts,
)
from emb_pipeline.reporting.sections.effects.forest import describe_effect, draw_forest, select_largest
from emb_pipeline.reporting.sections.effects.origins import describe_sizes, explain_missing_origins, plot_origins
from emb_pipeline.reporting.sections.summary.task_findings import describe_origin
from emb_pipeline.reporting.wording import pluralize, write_difference, write_distance, write_interval
from emb_pipeline.statistics.embedding_facts import CORRUPTION, FINE_TUNING
from emb_pipeline.statistics.leaderboard import CORPUS

_Row = Mapping[Hashable, Any]


@dataclass(frozen=True)
class Table:
    """A table in a fold: its caption, its columns, and for each line the name it begins with and its cells."""

    caption: str
    columns: Sequence[str]
    lines: Sequence[tuple[Any, Sequence[str]]]


@dataclass(frozen=True)
class Block:
    """One reason: its title, a sentence, a figure; and in a fold further sentences, figures and tables."""

    title: str
    sentence: Markup
    figure: Chart | None = None
    more: Sequence[Finding] = ()
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = field(default=())


def view(report: Report) -> dict[str, Any]:
    """Show the reasons for each task, and what holds on average over tasks."""
    level, across = report.run.level, report.tables.effects_across_tasks
    sizes = describe_sizes(report.tables.corpora)
    return {
        "tasks": [{"name": each.task, "blocks": _list_blocks(each, report)} for each in report.results],
        "missing": explain_missing_origins(report.tables.leaderboard),
        "findings": describe_average_effects(across, level),
        "across": [build_row_across_tasks(row, level) for row in across.to_dict("records")],
        "corpora": [Finding(Markup("{}").format(sizes), "warning")] if sizes else [],
        "charts": _draw_all_tasks(report),
    }


def _draw_all_tasks(report: Report) -> list[Chart]:
    """Draw the effects of the corpus, and of all factors, one panel per task."""
    level, charts = report.run.level, []
    effects = report.in_order(report.tables.effects_of(CORPUS))
    if len(effects):
        charts.append(
            embed(
                report.figure("origins", lambda: plot_origins(effects, level=level)),
                "origins",
                "Domain minus generic text with intervals, by task. The tables of the tasks hold the same numbers.",
                "The same method and dimension, trained on domain text minus trained on generic text.",
            )
        )
    factors = report.in_order(report.tables.factor_effects)
    if len(factors):
        charts.append(
            embed(
                report.figure("factors", lambda: plot_factors(overall_effects(factors), level=level)),
                "factors",
                "Differences between levels of a factor with intervals, by task. The tables hold the same numbers.",
                "One level of a factor minus another, averaged over all else that both occur with.",
            )
        )
    return charts


def _list_blocks(each: Result, report: Report) -> list[Block]:
    factors = report.tables.factor_effects
    own = factors[factors["task"] == each.task]
    blocks = [
        _show_domain(each, own, report),
        _show_levels(each, own, "method", "Method", report),
        _show_levels(each, own, "dimension", "Dimension", report),
        _show_tuning(each, report),
        _show_derived(each, report),
    ]
    return [block for block in blocks if block is not None]


def _show_domain(each: Result, factors: pd.DataFrame, report: Report) -> Block | None:
    level, found = report.run.level, describe_origin(each)
    if found is None:
        return None
    effects = report.tables.effects_of(CORPUS)
    own = effects[effects["task"] == each.task]
    shares = report.tables.variance_shares
    more = describe_factors(shares[shares["task"] == each.task], factors, level) if len(factors) else []
    verdicts = {1: "domain", -1: "generic", 0: "no significant difference"}
    lines = [
        _write_line(pick.name_pair(row), describe_effect(row, level, verdicts))
        for row in select_largest(own).to_dict("records")
    ]
    figure = None
    if len(own):
        figure = embed(
            plot_origins(own, level=level),
            f"origins-{each.task}",
            f"Domain minus generic text on {each.task}, with intervals. The table holds the same numbers.",
            "The same method and dimension, trained on domain text minus trained on generic text.",
        )
    table = Table("Domain minus generic; p adjusted for the rows of a task", _COLUMNS, lines)
    return Block("Domain text", found.text, figure, more, tables=[table] if lines else [])


_COLUMNS = ("difference", "p", "n", "better")


def _write_line(name: Any, effect: Mapping[str, Any], *more: str) -> tuple[Any, list[str]]:
    return name, [*more, f"{effect['difference']} {effect['interval']}", effect["p"], effect["n"], effect["verdict"]]


def _show_levels(each: Result, factors: pd.DataFrame, factor: str, title: str, report: Report) -> Block | None:
    level = report.run.level
    rows = factors[factors["factor"] == factor]
    whole = overall_effects(rows)
    if whole.empty:
        return None
    lines = [
        _write_line(factor_label(row), describe_effect(row, level, word_verdicts(row)), str(row["design"]))
        for row in select_largest(whole).to_dict("records")
    ]
    figure = embed(
        plot_factors(whole, level=level),
        f"{factor}-{each.task}",
        f"Differences by {factor} on {each.task}, with intervals. The table holds the same numbers.",
        f"One {factor} minus another, averaged over all else that both occur with.",
    )
    table = Table("First minus second; p adjusted for the rows of a task", ("crossing", *_COLUMNS), lines)
    return Block(title, describe_levels(whole, factor, level), figure, tables=[table])


def describe_levels(rows: pd.DataFrame, factor: str, level: float) -> Markup:
    """Say the largest difference between two methods or dimensions, and whether it is significant."""
    largest = rows.sort_values("difference", key=lambda differences: -differences.abs(), kind="stable").to_dict("records")
    significant = [row for row in largest if pick.find_direction(row, level)]
    row = (significant or largest)[0]
    better, other, low, high = row["level_a"], row["level_b"], row["ci_low"], row["ci_high"]
    if row["difference"] < 0:
        better, other, low, high = other, better, -high, -low
    distance = f"{write_distance(row['difference'], row['metric'])} {write_interval(low, high, row['metric'])}"
    what = f"{_label(better)} instead of {_label(other)}"
    if factor == "dimension":
        what = f"{_label(str(row['design']).rpartition(' of ')[2])} with {better} instead of {other} dimensions"
    sure, unsure = "<strong>{} gains {}</strong> on average over {}.", "{} may gain {} over {}; it may be chance."
    return Markup(sure if significant else unsure).format(what, distance, pluralize(int(row["pairs"]), "pair"))


def _label(method: object) -> str:
    return METHODS[str(method)].label if str(method) in METHODS else str(method)


def _show_tuning(each: Result, report: Report) -> Block | None:
    effects = report.tables.effects_of(FINE_TUNING)
    own = effects[effects["task"] == each.task]
    if own.empty:
        return None
    level = report.run.level
    figure = embed(
        _plot_effects(own, report.names, level, "← tuning hurts   ·   tuning helps →"),
        f"tuning-{each.task}",
        f"What tuning on labels changes on {each.task}, with intervals. The table holds the same numbers.",
        "After tuning on labels minus before, on the same items.",
    )
    return Block(
        "Tuning on labels", describe_tuning(own, level), figure, tables=[_tabulate(own, TITLES[FINE_TUNING], level)]
    )


def describe_tuning(rows: pd.DataFrame, level: float) -> Markup:
    """Say in how many cases tuning helps or hurts, and where it changes most."""
    ordered = rows.sort_values("difference", key=lambda differences: -differences.abs(), kind="stable").to_dict("records")
    directions = [pick.find_direction(row, level) for row in ordered]
    row = ordered[0]
    sentence = Markup("<strong>Tuning helps in {} of {}</strong> and hurts in {}. The largest change is {} {}, to {}.")
    return sentence.format(
        directions.count(1) or "none",
        pluralize(len(ordered), "case"),
        directions.count(-1) or "none",
        write_difference(row["difference"], row["metric"]),
        write_interval(row["ci_low"], row["ci_high"], row["metric"]),
        embedding(row["embedding_a"]),
    )


def _plot_effects(rows: pd.DataFrame, names: Names, level: float, direction: str) -> go.Figure:
    labels = [escape(names[str(name)].short) for name in rows["embedding_a"]]
    return draw_forest(rows.assign(label=labels), direction, level)


def _show_derived(each: Result, report: Report) -> Block | None:
    """Show how embeddings that were made from another one compare with it, tuned ones aside."""
    level, tables, charts, count = report.run.level, [], [], 0
    for factor, title in TITLES.items():
        effects = report.tables.effects_of(factor)
        own = effects[effects["task"] == each.task]
        if factor == FINE_TUNING or own.empty:
            continue
        tables.append(_tabulate(own, title, level))
        count += len(own)
        charts += draw_corruption_charts(own, report) if factor == CORRUPTION else []
    if not tables:
        return None
    sentence = Markup("{} held against what they were made from: distilled, cut, fused or from worse text.")
    return Block("Made from another", sentence.format(pluralize(count, "embedding")), charts=charts, tables=tables)


def _tabulate(rows: pd.DataFrame, title: str, level: float) -> Table:
    lines = []
    for row in select_largest(rows).to_dict("records"):
        line = build_line(row, level)
        before_after = (embedding(line["base"]), line["before"], line["after"])
        lines.append(_write_line(embedding(line["name"]), line, *before_after))
    return Table(
        f"{title}. p adjusted for the rows of a task", ("made from", "before", "after", *_COLUMNS[:-1], "verdict"), lines
    )


SECTION = Section("why", "Why", view, heading="Why embeddings differ")
