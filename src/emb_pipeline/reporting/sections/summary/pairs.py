"""Two embeddings that the reader chooses: their difference, wins and losses by class, and items that they differ on."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import pandas as pd

from emb_pipeline.reporting.packing import pack
from emb_pipeline.reporting.results import Result
from emb_pipeline.reporting.section import Report, Section, anchor
from emb_pipeline.reporting.wording import is_percent, name_metric, name_units, write_value
from emb_pipeline.tasks.registry import KINDS

SHOWN_GROUPS = 12
"""Classes whose wins the page shows: the largest. All of them are in ``pair_outcomes.parquet``."""


def view(report: Report) -> dict[str, Any] | None:
    """Give for each task the embeddings that can be chosen, and the packed data of all their pairs."""
    tasks = [each for result in report.results if (each := _view_task(report, result)) is not None]
    return {"tasks": tasks, "examples": not report.tables.item_examples.empty} if tasks else None


def _view_task(report: Report, result: Result) -> dict[str, Any] | None:
    outcomes = report.tables.pair_outcomes
    outcomes = outcomes[outcomes["task"] == result.task]
    compared = {*outcomes["embedding_a"], *outcomes["embedding_b"]}
    rows = result.distinct[result.distinct["embedding"].isin(compared)]
    if len(rows) < 2:
        return None
    names = rows["embedding"].tolist()
    chosen = _find_chosen(report.tables.decision, result.task, names)
    display = KINDS[result.kind].display if result.kind in KINDS else None
    examples = report.tables.item_examples
    return {
        "name": result.task,
        "anchor": anchor(result.task),
        "options": [
            (number, row["embedding"], report.names[row["embedding"]].readable, write_value(row["value"], result.metric))
            for number, row in enumerate(rows.to_dict("records"))
        ],
        "first": chosen,
        "second": 1 if chosen == 0 else 0,
        "data": pack(
            {
                "size": len(names),
                "percent": is_percent(result.metric),
                "metric": name_metric(result.metric),
                "level": result.level,
                "most": report.run.examples,
                "units": name_units(result.kind),
                "group": display.group if display else "",
                "answer": display.answer if display else "",
                **_describe_pairs(outcomes, result, report.tables.comparisons, names),
                **_describe_examples(examples[examples["task"] == result.task], names),
            }
        ),
    }


def _find_chosen(decision: pd.DataFrame, task: str, names: list[str]) -> int:
    """Find the place of the embedding that is recommended; the first where none is."""
    rows = decision[(decision["task"] == task) & decision["chosen"].astype(bool)]
    return next((names.index(name) for name in rows["embedding"] if name in names), 0)


def _describe_pairs(outcomes: pd.DataFrame, result: Result, comparisons: pd.DataFrame, names: list[str]) -> dict[str, Any]:
    """Give the test of each pair, and its wins and losses in all units and in each of the largest groups.

    ``pairs``: difference, interval and adjusted p, in the order of `itertools.combinations`; ``counts``: wins and losses,
    of all units first; ``groups``: their names, and how many units each has.
    """
    sizes = outcomes.assign(n=outcomes["wins"] + outcomes["losses"] + outcomes["ties"]).drop_duplicates("group")
    groups = sizes[sizes["group"].notna()].sort_values("n", ascending=False, kind="stable").head(SHOWN_GROUPS)
    columns = ["", *groups["group"]]
    keys = zip(outcomes["embedding_a"], outcomes["embedding_b"], outcomes["group"].fillna(""), strict=True)
    counted = dict(zip(keys, zip(outcomes["wins"].tolist(), outcomes["losses"].tolist(), strict=True), strict=True))
    tested = {
        (row["embedding_a"], row["embedding_b"]): [row["difference"], row["ci_low"], row["ci_high"], row["p_adjusted"]]
        for row in comparisons[(comparisons["metric"] == result.metric) & (comparisons["task"] == result.task)].to_dict(
            "records"
        )
    }
    return {
        "n": int(sizes.loc[sizes["group"].isna(), "n"].iloc[0]),
        "groups": [[name, n] for name, n in zip(groups["group"], groups["n"].tolist(), strict=True)],
        "left_out": len(sizes) - 1 - len(groups),
        "family": len(tested),
        "pairs": [_find_test(tested, pair) for pair in combinations(names, 2)],
        "counts": [
            [count for group in columns for count in _find_counts(counted, first, second, group)]
            for first, second in combinations(names, 2)
        ],
    }


def _find_test(tested: Mapping[tuple[str, str], list[float]], pair: tuple[str, str]) -> list[float] | None:
    """Find difference, interval and adjusted p of a pair, whichever of the two the table names first."""
    if pair in tested:
        return [round(value, 5) for value in tested[pair]]
    if pair[::-1] not in tested:
        return None
    difference, low, high, p = tested[pair[::-1]]
    return [round(value, 5) for value in (-difference, -high, -low, p)]


def _find_counts(
    counted: Mapping[tuple[str, str, str], tuple[int, int]], first: str, second: str, group: str
) -> tuple[int, int]:
    if (first, second, group) in counted:
        return counted[first, second, group]
    return counted[second, first, group][::-1]


def _describe_examples(examples: pd.DataFrame, names: list[str]) -> dict[str, Any]:
    """Give the items that can be shown, the score of each embedding on each, and what it predicted, as codes."""
    if examples.empty:
        return {"items": [], "scores": [], "classes": [], "predicted": []}
    of_unit = examples.drop_duplicates("unit_id")
    items = of_unit[["text", "text_left_out", "answer", "answer_left_out"]].astype({"text": "object", "answer": "object"})
    order = {name: place for place, name in enumerate(names)}
    known = examples[examples["embedding"].isin(order)]
    units = {name: place for place, name in enumerate(of_unit["unit_id"])}
    rows = known["unit_id"].astype("object").map(units), known["embedding"].astype("object").map(order)
    scores: list[list[float | None]] = [[None] * len(names) for _ in units]
    predicted: list[list[int | None]] = [[None] * len(names) for _ in units]
    classes = sorted(set(known["predicted"].dropna().astype("object")))
    code_of = {name: code for code, name in enumerate(classes)}
    for unit, column, score, label in zip(*rows, known["score"], known["predicted"].astype("object"), strict=True):
        scores[unit][column] = round(float(score), 3)
        predicted[unit][column] = code_of.get(label)
    return {
        "items": items.to_numpy().tolist(),
        "scores": scores,
        "classes": classes,
        "predicted": predicted if classes else [],
    }


SECTION = Section("pairs", "Two side by side", view, heading="Compare two embeddings")
