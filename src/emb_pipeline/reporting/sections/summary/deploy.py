"""Which embedding to deploy: the decision in sentences, each from one row of its tables, and the candidates."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd
from markupsafe import Markup

from emb_pipeline.reporting import wording
from emb_pipeline.reporting.findings import Finding, embedding, names
from emb_pipeline.reporting.section import Report, Section
from emb_pipeline.reporting.sections.summary.budgets import view_budgets
from emb_pipeline.reporting.wording import (
    NARROW_SPACE,
    write_cost,
    write_count,
    write_difference,
    write_distance,
    write_interval,
    write_size,
    write_value,
)
from emb_pipeline.statistics.costs import WEIGHED, label_of
from emb_pipeline.statistics.decision.standings import (
    CHANCE,
    LARGEST_CLASS,
    MARGINS,
    MEASURED_BEST,
    NOT_ABOVE_FLOOR,
    ONLY,
    SHOWN,
)

_NAMED = 3


def view(report: Report) -> dict[str, Any] | None:
    """Show for each task, and for all together, the sentences and the candidates with what they cost."""
    tables = report.tables
    decision = tables.decision
    if decision.empty:
        return None
    rows_of = dict(iter(decision.groupby("task", sort=False)))
    costs = [name for name in WEIGHED if name in decision.columns and _is_shown(decision[name])]
    tasks = [
        {
            "task": task,
            "is_task": task in report.order,
            "findings": found,
            "budgets": view_budgets(report, task),
            "costs": [label_of(name) for name in costs],
            "lines": [
                {
                    "embedding": row["embedding"],
                    "origin": row["origin"],
                    "chosen": row["chosen"],
                    "value": f"{row['value']:.1f}"
                    if row["metric"] == MARGINS
                    else wording.write_value(row["value"], row["metric"]),
                    "verdict": _word_verdict(row),
                    "costs": [write_cost(name, row[name]) for name in costs],
                }
                for row in rows_of[task].to_dict("records")
            ],
        }
        for task, found in describe_decision(decision, tables.relaxations, tables.joint_choice)
    ]
    return {"tasks": tasks}


def _is_shown(costs: pd.Series) -> bool:
    """Tell whether a column says anything: some cost is known, and no service is paid nothing by all."""
    return bool(costs.notna().any() and (costs.name != "usd_per_million_texts" or costs.any()))


def _word_verdict(row: Mapping[Hashable, Any]) -> str:
    standing = write_standing(row)
    if row["chosen"]:
        return ", ".join(filter(None, ["chosen", standing]))
    if not row["fits"]:
        over, unknown = (
            ", ".join(label_of(name) for name in str(row[column]).split(", ")) if row.get(column) else ""
            for column in ("exceeds", "unknown")
        )
        lacks = row.get("lacks")
        parts = [over and f"over budget: {over}", unknown and f"unknown: {unknown}", lacks if isinstance(lacks, str) else ""]
        return "; ".join(filter(None, parts))
    if row["tie"]:
        return "as good and as cheap"
    if standing:
        return standing
    return "as good, dearer" if row["non_inferior"] else "may be inferior"


def describe_decision(
    decision: pd.DataFrame, relaxations: pd.DataFrame, joint_choice: pd.DataFrame | None = None
) -> list[tuple[str, list[Finding]]]:
    """Say for each task, and for all together, what to deploy and why, ties, and what a larger budget would buy.

    Parameters
    ----------
    decision, relaxations : DataFrame
        Of `emb_pipeline.statistics.decision.decide.decide`.
    joint_choice : DataFrame, optional
        Of `emb_pipeline.statistics.decision.joint_choice.compare_joint_choice`.
    """
    of_all = [] if joint_choice is None else describe_joint_choice(joint_choice)
    return [
        (
            str(task),
            [
                _choice(rows),
                *_describe_labels(rows),
                *_describe_language(rows),
                *_warn_of_unknown_costs(rows),
                *_describe_ties(rows),
                *_describe_excluded(rows, relaxations[relaxations["task"] == task]),
                *_describe_relaxed(relaxations[relaxations["task"] == task]),
                *(of_all if rows["metric"].iloc[0] == MARGINS else ()),
            ],
        )
        for task, rows in decision.groupby("task", sort=False)
    ]


def describe_joint_choice(joint_choice: pd.DataFrame) -> list[Finding]:
    """Say what the choice for all tasks costs on each of them, and which embeddings do not compete for it."""
    found = []
    rows = joint_choice[joint_choice["chosen"]]
    behind = [
        Markup("On {} it is {} below the best, {}.").format(
            row["task"], write_distance(-row["difference"], row["metric"]), embedding(row["best"])
        )
        for row in rows.to_dict("records")
        if row["difference"] < 0
    ]
    if len(rows):
        ahead = [str(row["task"]) for row in rows.to_dict("records") if row["difference"] >= 0]
        best = [Markup("It is the best on {}.").format(", ".join(ahead))] if ahead else []
        found.append(Finding(Markup(" ").join([*behind, *best])))
    outside = joint_choice[joint_choice["reason"].str.startswith("not evaluated on")]
    if len(outside):
        out, competing = (each["embedding"].nunique() for each in (outside, joint_choice[joint_choice["competes"]]))
        found.append(
            Finding(
                Markup("{} of {} embeddings compete. {} without a score on some task.").format(
                    write_count(competing),
                    write_count(joint_choice["embedding"].nunique()),
                    f"{write_count(out)} {'is' if out == 1 else 'are'}",
                )
            )
        )
    return found


def name_best(rows: pd.DataFrame) -> str:
    """Name the best candidate: where budgets exclude any, it is the best of those that fit."""
    return "the best" if rows["fits"].all() else f"the best that {name_condition(rows)}"


def name_condition(rows: pd.DataFrame) -> str:
    """Name what a candidate must do to compete: keep to the budgets, or also refuse what it cannot answer."""
    return "refuses as required" if list_lacking(rows) else "fits the budgets"


def write_languages(languages: str) -> str:
    """Say which languages a pretrained model was made for, or that this is not known."""
    if languages:
        return f"made for text in: {languages} (its model card)"
    return "made for an unknown language: no model card says which"


def write_excess(row: Mapping[Hashable, Any]) -> str:
    """Say why an embedding is excluded: what it lacks, budgets that it exceeds, or those whose cost is not known of it."""

    def split_names(column: str) -> list[str]:
        named = row.get(column)
        return str(named).split(", ") if isinstance(named, str) and named else []

    exceeded = [f"{label_of(cost)} ({write_cost(cost, row.get(cost))})" for cost in split_names("exceeds")]
    unknown = [label_of(cost) for cost in split_names("unknown")]
    parts = [f"exceeds the budget for {' and for '.join(exceeded)}"] if exceeded else []
    if unknown:
        verb = "is" if len(unknown) == 1 else "are"
        parts.append(
            f"its {' and '.join(unknown)} {verb} unknown, and a budget limits {'it' if len(unknown) == 1 else 'them'}"
        )
    lacks = row.get("lacks")
    return " and ".join([*([f"does not compete: {lacks}"] if isinstance(lacks, str) and lacks else []), *parts])


def write_unfit(rows: pd.DataFrame) -> Markup:
    """Say that nothing is chosen for a task: all exceed a budget, or lack something that is required."""
    lacking = list_lacking(rows)
    if not lacking:
        return Markup("No embedding fits all budgets.")
    return Markup("No embedding can refuse what it cannot answer as <code>decision.refuse</code> asks. Of {}: {}.").format(
        embedding(lacking[0]["embedding"]), lacking[0]["lacks"]
    )


def list_lacking(rows: pd.DataFrame) -> list[dict[Hashable, Any]]:
    """List the rows of candidates that lack something that the decision requires."""
    return rows[rows["lacks"].fillna("") != ""].to_dict("records") if "lacks" in rows.columns else []


def _choice(rows: pd.DataFrame) -> Finding:
    if not rows["chosen"].any():
        return Finding(write_unfit(rows), "warning")
    row = rows[rows["chosen"]].iloc[0].to_dict()
    if row["standing"] == NOT_ABOVE_FLOOR:
        sentence = Markup("{} {} is the {}{}; <code>deploy</code> refuses it without <code>--force</code>.")
        which = "best measured" if row["embedding"] == row["best"] else "cheapest that is not inferior"
        return Finding(
            sentence.format(write_worthless(rows), embedding(row["embedding"]), which, _write_value_at(row)), "warning"
        )
    text = Markup("Deploy {}{}: {}.").format(
        embedding(row["embedding"]), _write_value_at(row), _compare_with_best(row, rows)
    )
    return Finding(text + write_corrected(row), "lead")


def write_worthless(rows: pd.DataFrame) -> Markup:
    """Say that none of a task's candidates is shown to be better than the floor; empty where one is, or none was tested."""
    competing = rows[rows["fits"]]
    if competing.empty or not (competing["standing"] == NOT_ABOVE_FLOOR).all():
        return Markup()
    hardest = competing.sort_values("p_floor")["floor"].iloc[0]
    return Markup("<strong>No embedding is shown to be better than {} here.</strong>").format(
        _write_floor_name(str(hardest))
    )


def write_corrected(row: Mapping[Hashable, Any]) -> Markup:
    """Say what an embedding that was chosen by its score is worth without what choosing adds to it."""
    corrected, metric = row.get("corrected"), str(row["metric"])
    if corrected is None or pd.isna(corrected) or metric == MARGINS or row["among"] < 2:
        return Markup()
    return Markup(" Corrected for having been chosen among {}: {} {}.").format(
        write_count(row["among"]),
        write_value(corrected, metric),
        write_interval(row["corrected_low"], row["corrected_high"], metric),
    )


def write_further_units(row: Mapping[Any, Any]) -> str:
    """Say how many more units would show an embedding to be not inferior; empty where no number would."""
    needed = row.get("units_needed")
    if needed is None or pd.isna(needed):
        return ""
    further = max(float(needed) - float(row["n"]), 1.0)
    return f"about {write_count(further)} more units would show it (80{NARROW_SPACE}% power)"


def write_standing(row: Mapping[Hashable, Any]) -> str:
    """Write the standing of a candidate in a few words."""
    if row["standing"] == NOT_ABOVE_FLOOR:
        return f"not shown to be better than {row['floor']}"
    return {MEASURED_BEST: "measured best, not shown", ONLY: "the only candidate"}.get(str(row["standing"]), "")


def _write_floor_name(floor: str) -> Markup:
    return Markup(floor) if floor in (LARGEST_CLASS, CHANCE) else embedding(floor)


def _warn_of_unknown_costs(rows: pd.DataFrame) -> list[Finding]:
    """Warn of a choice that holds only as far as costs are known."""
    chosen = rows[rows["chosen"]]
    if chosen.empty or "unknown" not in rows.columns or not chosen["unknown"].iloc[0]:
        return []
    costs = ", ".join(label_of(name) for name in str(chosen["unknown"].iloc[0]).split(", "))
    return [Finding(Markup("Not known, so not held against its budget: {}.").format(costs), "warning")]


def _write_value_at(row: Mapping[Hashable, Any]) -> str:
    return "" if row["metric"] == MARGINS else f", {write_value(row['value'], row['metric'])}"


def _compare_with_best(row: Mapping[Hashable, Any], rows: pd.DataFrame) -> Markup:
    """Hold the chosen one against the best, in score and in cost."""
    top = name_best(rows)
    if row["standing"] == ONLY:
        return Markup("the only candidate{}").format(
            ", so there is nothing to compare it with" if len(rows) == 1 else top.removeprefix("the best")
        )
    if row["standing"] != SHOWN:
        which = top if row["embedding"] == row["best"] else f"{top} of those above the floor"
        more = write_further_units(row)
        doubt = Markup("{} as measured. Another may be better by more than {}").format(which, _write_margin(row))
        return doubt + (f". {more[0].upper()}{more[1:]}" if more else "")
    if row["embedding"] == row["best"]:
        others = int((rows["non_inferior"] & ~rows["chosen"]).sum())
        if others:
            return Markup("{}, and the cheapest of {} that are good enough").format(top, write_count(others + 1))
        return Markup("{}. Only this one is shown to be within {} of the best").format(top, _write_margin(row))
    best = rows[rows["embedding"] == row["best"]].iloc[0].to_dict()
    where = Markup("{} below {}, {}. With 95 % confidence it is not more than {} below").format(
        _write_distance(-row["difference_to_best"], row["metric"]),
        top,
        embedding(row["best"]),
        _write_distance(-row["bound"], row["metric"]),
    )
    return where + Markup(". A vector takes {} instead of {}").format(
        write_size(row["bytes_per_item"]), write_size(best["bytes_per_item"])
    )


def _describe_labels(rows: pd.DataFrame) -> list[Finding]:
    """Say of how many labels the scores are, where these are not as many as were asked for."""
    notes = rows["labels_note"].dropna()
    return [Finding(Markup("{}.").format(str(note)[:1].upper() + str(note)[1:]), "warning") for note in notes[:1] if note]


def _describe_language(rows: pd.DataFrame) -> list[Finding]:
    """Name the language of a recommended model that was trained elsewhere: scores on one language say nothing of another."""
    chosen = rows[rows["chosen"]]
    if chosen.empty or "languages" not in chosen or pd.isna(chosen["languages"].iloc[0]):
        return []
    row = chosen.iloc[0]
    sentence = Markup("{} is, or is made from, a pretrained model {}.")
    return [Finding(sentence.format(embedding(row["embedding"]), write_languages(str(row["languages"]))))]


def _describe_excluded(rows: pd.DataFrame, relaxations: pd.DataFrame) -> list[Finding]:
    """Name those that score more than the chosen one but do not fit, unless a sentence on a binding budget does."""
    if not rows["chosen"].any():
        return []
    chosen = rows[rows["chosen"]].iloc[0]
    named = set(relaxations.loc[relaxations["binds"].astype(bool), "embedding"])
    higher = rows[~rows["fits"] & (rows["value"] > chosen["value"]) & ~rows["embedding"].isin(named)]
    found = [
        Finding(
            Markup("{} scores {} more but {}.").format(
                embedding(row["embedding"]),
                _write_distance(row["value"] - chosen["value"], row["metric"]),
                write_excess(row),
            )
        )
        for row in higher.head(_NAMED).to_dict("records")
    ]
    if len(higher) > _NAMED:
        found.append(Finding(Markup("{} more score higher but do not fit the budgets.").format(len(higher) - _NAMED)))
    return found


def _write_distance(value: float, metric: str) -> str:
    return f"{max(0.0, value):.1f} margins" if metric == MARGINS else write_distance(max(0.0, value), metric)


def _write_margin(row: Mapping[Hashable, Any]) -> str:
    return "a margin" if row["metric"] == MARGINS else write_distance(row["margin"], row["metric"])


def _describe_ties(rows: pd.DataFrame) -> list[Finding]:
    tied = rows[rows["tie"]]["embedding"].tolist()
    if not tied:
        return []
    more = f" and {len(tied) - _NAMED} more" if len(tied) > _NAMED else ""
    return [Finding(Markup("As good and as cheap: {}{}.").format(names(tied[:_NAMED]), more))]


def _describe_relaxed(rows: pd.DataFrame) -> list[Finding]:
    found = []
    for row in rows.to_dict("records"):
        budget = label_of(row["budget"])
        limit, needed = write_cost(row["budget"], row["limit"]), write_cost(row["budget"], row["needed"])
        if not isinstance(row["chosen"], str):
            sentence = Markup("{} would fit if {} could be {} instead of {}.")
            found.append(Finding(sentence.format(embedding(row["embedding"]), budget, needed, limit)))
        elif row["binds"]:
            sentence = Markup("The budget for {} ({}) binds: with {}, {} would bring {} {}.")
            gain = (
                write_difference(row["difference"], row["metric"])
                if row["metric"] != MARGINS
                else f"{row['difference']:+.1f}"
            )
            bounds = write_interval(row["ci_low"], row["ci_high"], row["metric"]) if row["metric"] != MARGINS else "margins"
            found.append(Finding(sentence.format(budget, limit, needed, embedding(row["embedding"]), gain, bounds)))
    return found


SECTION = Section("deploy", "What to deploy", view)
