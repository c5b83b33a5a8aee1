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
from emb_pipeline.reporting.results import Result, find_best_of_each
from emb_pipeline.reporting.section import Report, Section
from emb_pipeline.reporting.sections.summary.coverage import (
    describe_coverage,
    describe_cut_texts,
    describe_drifting_services,
)
from emb_pipeline.reporting.sections.summary.deploy import write_corrected, write_worthless
from emb_pipeline.reporting.sections.summary.failed import describe_failures
from emb_pipeline.reporting.sections.summary.task_findings import findings
from emb_pipeline.reporting.wording import (
    pluralize,
    write_p,
)
from emb_pipeline.tasks.registry import KINDS


def view(report: Report) -> dict[str, Any]:
    """Show the sentences of each task, and before them what holds for the whole page."""
    tables, level = report.tables, report.run.level
    overall = [
        describe_failures(tables.failures),
        describe_samples(report.run.samples, report.run.command),
        describe_any_difference(tables.any_difference, level),
        describe_label_luck(tables.any_difference, find_tasks_with_labels(tables.leaderboard)),
        *describe_all_tasks(report.results),
    ]
    return {
        "overall": [found for found in overall if found is not None],
        "tasks": [
            {
                "name": each.task,
                "kind": each.kind.replace("_", " "),
                "size": each.items,
                "findings": [found for found in answer_task(each, tables.decision) if found is not None],
            }
            for each in report.results
        ],
        "claimed": f"{100 * level:g}",
    }


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
                "<strong>{} {} in the leading group of {} tasks</strong>: "
                "scoring highest, or not significantly different from what does."
            ).format(names(everywhere), verb, count_all(len(results))),
            "lead",
        )
    leaders = [
        Markup("{} on {}").format(embedding(each.leader["embedding"]), each.task)
        for each in results
        if each.leader is not None
    ]
    return Finding(
        Markup("<strong>No single embedding is in the leading group of {} tasks</strong>. The highest are {}.").format(
            count_all(len(results)), join_parts(leaders)
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
        Markup("Training on domain rather than generic text helps significantly in {} of {} and hurts in {}.").format(
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
                "Embeddings differ on {} ({} at most). All differences on this page were tested together: the probability "
                "that even one that is called significant is none is {} at most."
            ).format(each, write_p(rows["p_adjusted"].max()), f"{level:.0%}".replace("%", " %"))
        )
    named = Markup(", ").join(
        Markup("{} ({})").format(row["task"], write_p(row["p_adjusted"])) for row in silent.to_dict("records")
    )
    return Finding(
        Markup(
            "<strong>On {} of {} no difference between embeddings is significant</strong>, controls left out: {}. What "
            "looks like one there may be chance."
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
                "Had other examples been labeled, scores would differ, too: that is {} of the variance of a difference "
                "between two embeddings (median over pairs). Intervals and tests hold it."
            ).format(shares)
        )
    if len(unknown):
        parts.append(
            Markup("On {} intervals and tests speak of other test items, not of other labels to learn from.").format(
                Markup(", ").join(Markup("{}").format(task) for task in unknown["task"])
            )
        )
    return Finding(Markup(" ").join(parts))


SECTION = Section("answer", "The answer", view)
