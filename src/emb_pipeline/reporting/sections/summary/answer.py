"""The answer: who leads on each task, and what holds across tasks."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
from markupsafe import Markup

from emb_pipeline.reporting import rows as pick
from emb_pipeline.reporting.findings import Finding, code, count_all, embedding, join_parts, names
from emb_pipeline.reporting.names import Names
from emb_pipeline.reporting.results import Result, find_best_of_each
from emb_pipeline.reporting.section import Report, Section, embed
from emb_pipeline.reporting.sections.summary.answer_figure import plot_answer
from emb_pipeline.reporting.sections.summary.chosen import describe_rounds
from emb_pipeline.reporting.sections.summary.coverage import (
    describe_coverage,
    describe_cut_texts,
    describe_drifting_services,
)
from emb_pipeline.reporting.sections.summary.deploy import write_corrected, write_worthless
from emb_pipeline.reporting.sections.summary.failed import describe_failures
from emb_pipeline.reporting.sections.summary.recommendation import Recommendation, recommend
from emb_pipeline.reporting.sections.summary.task_findings import findings, warn_of_controls, warn_of_few_units
from emb_pipeline.reporting.wording import pluralize, write_p, write_value
from emb_pipeline.tasks.registry import KINDS


def view(report: Report) -> dict[str, Any]:
    """Show the answer for each task, and before it what makes the whole page doubtful; all else is folded away."""
    tables, level = report.tables, report.run.level
    warnings = [
        describe_failures(tables.failures),
        describe_samples(report.run.samples, report.run.command),
        describe_rounds(report.tables.rounds),
        describe_any_difference(tables.any_difference, level),
    ]
    known = [found for found in warnings if found is not None]
    overall = [
        *(found for found in known if found.tone != "warning"),
        describe_label_luck(tables.any_difference, find_tasks_with_labels(tables.leaderboard)),
        *describe_all_tasks(report.results),
    ]
    return {
        "warnings": [found for found in known if found.tone == "warning"],
        "overall": [found for found in overall if found is not None],
        "tasks": [_view_task(each, report) for each in report.results],
        "claimed": f"{100 * level:g}",
    }


def _view_task(each: Result, report: Report) -> dict[str, Any]:
    tables, names = report.tables, report.names
    found = recommend(each, tables.decision, tables.learning_curves)
    others = [other.embedding for other in found.alternatives]
    doubts = list_doubts(each, found.embedding, {*([found.embedding] if found.embedding else []), *others})
    return {
        "name": each.task,
        "kind": each.kind.replace("_", " "),
        "size": each.items,
        "short": write_short(each, found, names),
        "headline": Finding(found.headline, "warning" if found.is_warning else "lead"),
        "lines": [*found.lines(), *(("Note", doubt.text) for doubt in doubts if doubt.tone != "warning")],
        "warnings": [doubt for doubt in doubts if doubt.tone == "warning"],
        "figure": embed(
            plot_answer(each.distinct, names, found.embedding, others),
            f"answer-{each.task}",
            f"The best of each family on {each.task} with intervals; the leaderboard holds the same numbers.",
            f"The best of each family on {each.task}. Grey: a control, which knows nothing.",
        ),
        "findings": [one for one in answer_task(each, tables.decision) if one is not None],
    }


def write_short(each: Result, found: Recommendation, names: Names) -> str:
    """Write what to deploy in short, for the selector of the task."""
    if found.embedding is None:
        return "nothing to deploy yet"
    row = each.distinct[each.distinct["family"] == found.embedding]
    value = "" if row.empty else f", {write_value(float(row['value'].iloc[0]), each.metric)}"
    return f"{names[found.embedding].short}{value}"


def list_doubts(each: Result, recommended: str | None, concerned: Collection[str]) -> list[Finding]:
    """List what makes the answer for a task untrustworthy: few units, a control that scores as much, texts not read."""
    rows = each.rows[each.rows["family"].isin(concerned)]
    doubts = [
        warn_of_few_units(each),
        *warn_of_controls(each, recommended),
        describe_coverage(rows),
        describe_cut_texts(rows),
        describe_drifting_services(rows),
    ]
    return [doubt for doubt in doubts if doubt is not None]


def answer_task(each: Result, decision: pd.DataFrame) -> list[Finding | None]:
    """Answer for one task; before all that nothing is worth having, and behind the highest score what it is worth."""
    found = findings(each)
    seen = [describe_coverage(each.rows), describe_cut_texts(each.rows), describe_drifting_services(each.rows)]
    if decision.empty or each.leader is None:
        return [*found, *seen]
    rows = decision[decision["task"] == each.task]
    worthless = write_worthless(rows)
    of_leader = rows[rows["embedding"] == str(each.leader["family"])].to_dict("records")
    if of_leader and math.isclose(of_leader[0]["value"], each.leader["value"], abs_tol=1e-6):  # of as many labels
        found[0] = replace(found[0], text=found[0].text + write_corrected(of_leader[0]))
    return [*([Finding(worthless, "warning")] if worthless else []), *found, *seen]


def describe_samples(samples: Mapping[str, int], command: str) -> Finding | None:
    """Say which scores are those of a sample; None where all examples were taken."""
    if not samples:
        return None
    parts = [Markup("{} ({:,} examples at most)").format(task, n) for task, n in samples.items()]
    return Finding(
        Markup("<strong>This is a first answer, on a sample</strong> of {}. For all examples and the whole grid: {}").format(
            join_parts(parts), code(f"{command} --params pace=thorough --only-missing-outputs --remake-stale")
        ),
        "warning",
    )


def find_tasks_with_labels(leaderboard: pd.DataFrame) -> set[str]:
    """Name the tasks on which something is fitted on labels."""
    learns = {name for name, kind in KINDS.items() if "training_draws" in kind.options.model_fields}
    return set(leaderboard.loc[leaderboard["kind"].isin(learns), "task"])


def describe_all_tasks(results: Sequence[Result]) -> list[Finding]:
    """Say what holds across tasks; empty with fewer than two of them."""
    results = [each for each in results if each.leader is not None]
    if len(results) < 2:
        return []
    return [
        each
        for each in (_describe_everywhere(results), _describe_sparse_overall(results), _describe_domain_overall(results))
        if each is not None
    ]


def _describe_everywhere(results: Sequence[Result]) -> Finding:
    leading = [{str(row["embedding"]) for row in each.leading()} for each in results]
    everywhere = [
        str(row["embedding"]) for row in results[0].leading() if all(str(row["embedding"]) in group for group in leading)
    ]
    if everywhere:
        verb = "is" if len(everywhere) == 1 else "are"
        return Finding(
            Markup(
                "<strong>{} {} in the leading group of {} tasks</strong>: highest, or not significantly different from it."
            ).format(names(everywhere), verb, count_all(len(results))),
            "lead",
        )
    leaders = [
        Markup("{} on {}").format(embedding(each.leader["embedding"]), each.task)
        for each in results
        if each.leader is not None
    ]
    return Finding(
        Markup("<strong>No single embedding is in the leading group of {} tasks</strong>. The highest: {}.").format(
            count_all(len(results)), Markup("; ").join(leaders)
        ),
        "lead",
    )


def _describe_sparse_overall(results: Sequence[Result]) -> Finding | None:
    verdicts = []
    for each in results:
        pair = find_best_of_each(each)
        apart = None if pair is None else each.differ_significantly(*pair)
        if pair is not None and apart is not None:
            best, baseline = pair
            verdicts.append("tie" if not apart else "dense" if best["value"] > baseline["value"] else "sparse")
    if not verdicts:
        return None
    parts = [
        f"{what} on {verdicts.count(verdict)}"
        for verdict, what in (
            ("sparse", "above the best dense embedding"),
            ("tie", "not significantly different from it"),
            ("dense", "below it"),
        )
        if verdict in verdicts
    ]
    if "sparse" not in verdicts:
        parts[0] = (
            parts[0]
            .replace("from it", "from the best dense embedding")
            .replace("below it", "below the best dense embedding")
        )
    return Finding(
        Markup("The best sparse baseline is {} of {}.").format(join_parts(parts), pluralize(len(verdicts), "task"))
    )


def _describe_domain_overall(results: Sequence[Result]) -> Finding | None:
    directions = [pick.find_direction(row, each.level) for each in results for row in each.effects.to_dict("records")]
    if not directions:
        return None
    better, worse = directions.count(1), directions.count(-1)
    return Finding(
        Markup("Training on domain instead of generic text helps significantly in {} of {} and hurts in {}.").format(
            better, pluralize(len(directions), "matched pair"), worse or "none"
        )
    )


def describe_any_difference(differences: pd.DataFrame, level: float) -> Finding | None:
    """On how many tasks a difference between embeddings was found; None without tasks.

    Parameters
    ----------
    differences : DataFrame
        Of `emb_pipeline.statistics.comparisons.any_difference.check_any_differences`.
    level : float
        Error rate of the tests.
    """
    rows = differences[differences["labels"] == "all"]
    if rows.empty:
        return None
    silent = rows[rows["p_adjusted"] > level]
    if silent.empty:
        each = "the task" if len(rows) == 1 else f"each of the {pluralize(len(rows), 'task')}"
        return Finding(
            Markup(
                "Embeddings differ on {} ({} at most). All differences on this page were tested together. The probability "
                "of even one false alarm among them is {} at most."
            ).format(each, write_p(rows["p_adjusted"].max()), f"{level:.0%}".replace("%", " %"))
        )
    named = Markup(", ").join(
        Markup("{} ({})").format(row["task"], write_p(row["p_adjusted"])) for row in silent.to_dict("records")
    )
    return Finding(
        Markup(
            "<strong>On {} of {} no difference between embeddings is significant</strong>: {}. "
            "What looks like one there may be chance."
        ).format(len(silent), pluralize(len(rows), "task"), named),
        "warning",
    )


def describe_label_luck(differences: pd.DataFrame, learning: Collection[str]) -> Finding | None:
    """Say how much of the luck in a comparison is that of the labels; None where no task learns from labels.

    Parameters
    ----------
    differences : DataFrame
        Of `emb_pipeline.statistics.comparisons.any_difference.check_any_differences`.
    learning : collection of str
        Tasks on which something is fitted on labels.
    """
    rows = differences[(differences["labels"] == "all") & differences["task"].isin(learning)]
    if rows.empty or "label_share" not in rows:
        return None
    known, unknown = rows[rows["label_share"] > 0], rows[~(rows["label_share"] > 0)]
    shares = Markup(", ").join(
        Markup("{} % on {}").format(round(100 * row["label_share"]), row["task"]) for row in known.to_dict("records")
    )
    parts = []
    if len(known):
        parts.append(
            Markup(
                "With other labeled examples, scores would differ, too. That is {} of the variance of a difference between "
                "two embeddings (median over pairs). Intervals and tests include it."
            ).format(shares)
        )
    if len(unknown):
        parts.append(
            Markup("On {} intervals and tests hold for other test items, not for other training labels.").format(
                Markup(", ").join(Markup("{}").format(task) for task in unknown["task"])
            )
        )
    return Finding(Markup(" ").join(parts))


SECTION = Section("answer", "The answer", view)
