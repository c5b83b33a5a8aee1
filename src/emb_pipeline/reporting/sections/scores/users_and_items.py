"""Vectors of users and items: the attributes that they carry, what is near, and a map."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd
from markupsafe import Markup

from emb_pipeline.reporting.findings import Finding, embedding
from emb_pipeline.reporting.section import Chart, Report, Section, embed
from emb_pipeline.reporting.sections.background.word_map import plot_word_map
from emb_pipeline.reporting.wording import write_difference, write_interval, write_share, write_value

AUROC = "auroc"


def view(report: Report) -> dict[str, Any] | None:
    """Show for each task what probes found, the nearest items of popular ones, and the map."""
    tables = report.tables
    shown = [*tables.attribute_probes["task"], *tables.nearest_items["task"], *tables.item_map["task"]]
    tasks = [_show_task(report, task) for task in sorted(set(shown), key=[*report.order, *shown].index)]
    return {"tasks": tasks} if tasks else None


def _show_task(report: Report, task: str) -> dict[str, Any]:
    probes, nearest, places = (
        table[table["task"] == task]
        for table in (report.tables.attribute_probes, report.tables.nearest_items, report.tables.item_map)
    )
    return {
        "name": task,
        "findings": describe_probes(probes),
        "groups": [_group(rows) for _, rows in probes.groupby(["side", "attribute"], sort=False)],
        "nearest": _show_nearest(nearest),
        "map": None if places.empty else _show_map(places, task),
    }


def describe_probes(probes: pd.DataFrame) -> list[Finding]:
    """Say of each attribute which vectors carry most of it, and how many say more than the number of interactions."""
    found = []
    for (side, attribute), rows in probes[probes["origin"].notna()].groupby(["side", "attribute"], sort=False):
        best = rows.sort_values("auroc").iloc[-1]
        n_more = int((rows["difference_low"] > 0).sum())
        sentence = Markup(
            "The {}’s {}: {} of {} embeddings say more of it than the number of interactions does. Highest: {}, AUROC {}."
        )
        text = sentence.format(
            side, attribute, n_more, len(rows), embedding(best["embedding"]), write_value(best["auroc"], AUROC)
        )
        found.append(Finding(text, "lead" if n_more else "plain"))
    return found


def _group(rows: pd.DataFrame) -> dict[str, Any]:
    first = rows.iloc[0]
    values = "one value against the other" if first["n_values"] == 1 else f"mean over {first['n_values']} values"
    return {
        "title": f"{first['attribute']} of {first['n_units']:,} {first['side']}s, {values}",
        "lines": [_line(row) for row in rows.sort_values("auroc", ascending=False).to_dict("records")],
    }


def _line(row: Mapping[Hashable, Any]) -> dict[str, Any]:
    return {
        "name": row["embedding"],
        "origin": row["origin"] if isinstance(row["origin"], str) else None,
        "dim": f"{row['dim']:,}",
        "auroc": (write_value(row["auroc"], AUROC), write_interval(row["ci_low"], row["ci_high"], AUROC)),
        "difference": (
            write_difference(row["difference"], AUROC),
            write_interval(row["difference_low"], row["difference_high"], AUROC),
        ),
        "shuffled": write_value(row["shuffled"], AUROC),
        "balanced": write_share(row["balanced_accuracy"]),
    }


def _show_nearest(nearest: pd.DataFrame) -> dict[str, Any] | None:
    if nearest.empty:
        return None
    names = nearest[["embedding", "origin"]].drop_duplicates().to_dict("records")
    near = nearest.sort_values("rank").groupby(["embedding", "item"])["neighbor"].agg(", ".join)
    items = list(dict.fromkeys(nearest["item"]))
    lines = [(each, [near.get((each["embedding"], item), "") for item in items]) for each in names]
    return {"items": items, "lines": lines}


def _show_map(places: pd.DataFrame, task: str) -> Chart:
    names = " and ".join(dict.fromkeys(places["embedding"]))
    return embed(
        plot_word_map(places),
        f"items-{task}",
        f"Items of {task} in two dimensions, by {names}. The table of nearest items holds what the lines show.",
        "The most popular items, placed by t-SNE, which keeps near items together as far as it can. Far means little. "
        "Lines lead from the most popular items to those nearest to them by cosine.",
        task=task,
    )


SECTION = Section("users_and_items", "Users and items", view, heading="What vectors of users and items carry")
