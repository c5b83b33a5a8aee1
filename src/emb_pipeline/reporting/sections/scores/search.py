"""Costs and losses of vector search, in sentences, each from rows of the table of searches, and in figures."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from html import escape
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from markupsafe import Markup

from emb_pipeline.reporting import rows as pick
from emb_pipeline.reporting.drawing import (
    make_empty_figure,
)
from emb_pipeline.reporting.findings import Finding, embedding
from emb_pipeline.reporting.rows import EXACT, write_setting
from emb_pipeline.reporting.section import Report, Section, embed
from emb_pipeline.reporting.theme import INDEX_SYMBOLS, METHOD_DASHES, look
from emb_pipeline.reporting.wording import (
    name_metric,
    write_count,
    write_difference,
    write_distance,
    write_interval,
    write_milliseconds,
    write_seconds,
    write_share,
    write_size,
    write_value,
)
from emb_pipeline.tasks.retrieval.vector_search import BY_BOTH, BY_WORDS, IN_SPARSE

NO_VECTOR_INDEX = {BY_WORDS: "BM25", BY_BOTH: "The fusion of BM25 and vectors", IN_SPARSE: "Search by sparse vectors"}
"""Searches of Milvus that are no index of dense vectors, as they are called in sentences."""


def view(report: Report) -> dict[str, Any] | None:
    """Show for each task that was searched sentences, the indexes' curves, and a line for each setting."""
    searches = report.in_order(report.tables.vector_search)
    tasks = [_task(report, str(task), rows) for task, rows in searches.groupby("task", sort=False)]
    return {"tasks": tasks} if tasks else None


def _task(report: Report, task: str, rows: pd.DataFrame) -> dict[str, Any]:
    figure = report.figure(f"{task}_search", lambda: plot_searches(rows, task))
    return {
        "task": task,
        "metric": name_metric(str(rows["metric"].iloc[0])),
        "findings": describe_searches(rows),
        "chart": embed(
            figure,
            f"search-{task}",
            f"Queries a second against recall for each index on {task}. The table below holds the same numbers.",
            f"{task}: a line for each index, a point for each setting of its search parameter.",
        )
        if figure.data
        else None,
        "lines": [
            {
                "embedding": row["embedding"],
                "origin": row["origin"],
                "setting": write_setting(row),
                "recommended": row["recommended"],
                "cells": _write_cells(row),
            }
            for row in rows.to_dict("records")
        ],
    }


def _write_cells(row: Mapping[Hashable, Any]) -> list[str]:
    metric = str(row["metric"])
    return [
        write_share(row["recall"]),
        write_value(row["value"], metric),
        write_difference(-row["loss"], metric),
        write_milliseconds(row["latency_ms_p50"]),
        write_milliseconds(row["latency_ms_p95"]),
        write_count(row["queries_per_second"]),
        write_seconds(row["build_seconds"]),
        write_size(row["bytes_per_item"]),
        write_size(row["index_bytes"]),
        write_share(row["filtered_recall"]),
        write_milliseconds(row["filtered_latency_ms_p50"]),
    ]


def describe_searches(searches: pd.DataFrame) -> list[Finding]:
    """Say what exact search takes, which index to use, what a faster one loses, and which curves are not to be trusted.

    Parameters
    ----------
    searches : DataFrame
        A task's rows of `emb_pipeline.tasks.retrieval.vector_search.SearchCosts`.
    """
    by_words = searches[searches["index"].isin(NO_VECTOR_INDEX)]
    has_words = searches["embedding"].isin(by_words.loc[by_words["index"] == BY_WORDS, "embedding"])
    exact = searches[(searches["index"] == EXACT) & ~has_words]
    indexed = searches[~searches["index"].isin([EXACT, *NO_VECTOR_INDEX])]
    found = [_describe_exact(exact)] if len(exact) else []
    for (name, _), rows in indexed.groupby(["embedding", "in_store"], sort=False):
        product = exact.loc[exact["embedding"] == name, "latency_ms_p50"]
        found += [
            *_recommend_setting(rows, product),
            *_describe_least(rows),
            *_describe_filtered(rows),
            *_describe_faults(rows),
        ]
    found += [_describe_words(row, searches) for row in by_words.to_dict("records")]
    return found


def _describe_words(row: Mapping[Hashable, Any], searches: pd.DataFrame) -> Finding:
    """Hold a search of Milvus's own, by words or by sparse vectors, against the exact one of the same embedding."""
    ours = searches.loc[(searches["index"] == EXACT) & (searches["embedding"] == row["embedding"]), "latency_ms_p50"]
    sentence = Markup("{} in Milvus takes {} a query{}. Against {} its {} differs by {} {}.")
    found = sentence.format(
        NO_VECTOR_INDEX[str(row["index"])],
        write_milliseconds(row["latency_ms_p50"]),
        f" ({write_milliseconds(ours.iloc[0])} here)" if len(ours) else "",
        embedding(row["embedding"]),
        name_metric(row["metric"]),
        write_difference(-row["loss"], row["metric"]),
        write_interval(-row["ci_high"], -row["ci_low"], row["metric"]),
    )
    return Finding(found)


def _describe_exact(exact: pd.DataFrame) -> Finding:
    parts = [
        Markup("{}: {} ({} for a passage).").format(
            embedding(row["embedding"]), write_milliseconds(row["latency_ms_p50"]), write_size(row["bytes_per_item"])
        )
        for row in exact.sort_values("latency_ms_p50").to_dict("records")
    ]
    sentence = Markup("One query against all {} passages takes this long without a vector store (median). {}")
    return Finding(sentence.format(write_count(exact["items"].iloc[0]), Markup(" ").join(parts)), "lead")


def _recommend_setting(rows: pd.DataFrame, product: pd.Series) -> list[Finding]:
    """Name the setting to use, in Milvus or in this process, and hold a query's time against that of the matrix product."""
    in_store = bool(rows["in_store"].iloc[0])
    chosen = rows[rows["recommended"]]
    if chosen.empty:
        which = "No index" if in_store else "No number of candidates by Hamming distance"
        return [Finding(Markup("{} finds enough of what an exact search finds.").format(which), "warning")]
    row = chosen.iloc[0].to_dict()
    sentence = Markup(
        "{} {} is the fastest that finds enough of the nearest of {}. "
        "It finds {} of them in {} a query{}. It loses {} {} {}."
    )
    found = sentence.format(
        "In Milvus" if in_store else "Without a vector store",
        write_setting(row),
        embedding(row["embedding"]),
        write_share(row["recall"]),
        write_milliseconds(row["latency_ms_p50"]),
        "" if in_store or product.empty else f" (the matrix product: {write_milliseconds(product.iloc[0])})",
        write_distance(max(row["loss"], 0.0), row["metric"]),
        name_metric(row["metric"]),
        write_interval(row["ci_low"], row["ci_high"], row["metric"]),
    )
    return [Finding(found if in_store else found + _describe_two_steps(row))]


def _describe_two_steps(row: Mapping[Hashable, Any]) -> str:
    """Say what a search by Hamming distance reads."""
    bits, stored = write_size(row["index_bytes"] / row["items"]), write_size(row["bytes_per_item"])
    return f" It compares {bits} of each passage, and reads the {stored} kept beside them of candidates alone."


def _describe_least(rows: pd.DataFrame) -> list[Finding]:
    """Name the setting that finds least: what looking at too little costs the task."""
    row = rows.sort_values("recall").iloc[0].to_dict()
    if row["recommended"] or row["ci_low"] <= 0:
        return []
    sentence = Markup("{} finds {} of them, and that costs {} {} {}.")
    lost = (
        write_distance(row["loss"], row["metric"]),
        name_metric(row["metric"]),
        write_interval(row["ci_low"], row["ci_high"], row["metric"]),
    )
    return [Finding(sentence.format(write_setting(row), write_share(row["recall"]), *lost))]


def _describe_filtered(rows: pd.DataFrame) -> list[Finding]:
    measured = rows[rows["filtered_recall"].notna()]
    parts = [
        f"{row['index']} {write_share(row['filtered_recall'])} in {write_milliseconds(row['filtered_latency_ms_p50'])}"
        for row in measured.to_dict("records")
    ]
    return (
        [Finding(Markup("Confined by a filter to some of the passages they find: {}.").format("; ".join(parts)))]
        if parts
        else []
    )


def _describe_faults(rows: pd.DataFrame) -> list[Finding]:
    faulty = rows[rows["fault"].notna()].drop_duplicates("index")
    return [
        Finding(Markup("The curve of {} is not shown: {}.").format(row["index"], row["fault"]), "warning")
        for row in faulty.to_dict("records")
    ]


def plot_searches(searches: pd.DataFrame, task: str) -> go.Figure:
    """Draw queries a second against the share of the nearest passages that is found, a line for each index.

    Parameters
    ----------
    searches : DataFrame
        Of `emb_pipeline.tasks.retrieval.vector_search.SearchCosts`; indexes with a fault are left out.
    task : str
        The task.

    Returns
    -------
    Figure
        One trace per embedding and index; empty where the task has none.
    """
    drawn = ~searches["index"].isin([pick.EXACT, *NO_VECTOR_INDEX])
    rows = searches[(searches["task"] == task) & drawn & searches["fault"].isna()]
    figure = make_empty_figure(height=360)
    if rows.empty:
        return figure
    for place, ((name, index), part) in enumerate(rows.groupby(["embedding", "index"], sort=False)):
        style = look(str(part["origin"].iloc[0]))
        hover = [
            f"{escape(str(name))}<br>{pick.write_setting(row)}: {row['recall']:.3f} of the nearest, "
            f"{write_count(row['queries_per_second'])} queries a second, "
            f"{write_value(row['value'], row['metric'])} {escape(name_metric(row['metric']))}"
            for row in part.to_dict("records")
        ]
        figure.add_trace(
            go.Scatter(
                x=part["recall"].tolist(),
                y=part["queries_per_second"].tolist(),
                mode="lines+markers",
                name=escape(f"{name} {index}" if rows["embedding"].nunique() > 1 else str(index)),
                text=hover,
                hoverinfo="text",
                line={"color": style.color, "width": 2, "dash": METHOD_DASHES[place % len(METHOD_DASHES)]},
                marker={"color": style.color, "symbol": INDEX_SYMBOLS[place % len(INDEX_SYMBOLS)], "size": 9},
            )
        )
    low, high = math.log10(rows["queries_per_second"].min()), math.log10(rows["queries_per_second"].max())
    ticks = [each * 10.0**power for power in range(math.floor(low), math.ceil(high) + 1) for each in (1, 2, 5)]
    ticks = [tick for tick in ticks if low - 0.2 <= math.log10(tick) <= high + 0.2]
    figure.update_xaxes(title_text="share of the nearest that is found", range=[min(rows["recall"].min(), 0.9) - 0.03, 1.03])
    return figure.update_yaxes(
        type="log",
        title_text="queries a second, all at once (log scale)",
        tickvals=ticks,
        ticktext=[write_count(tick) for tick in ticks],
        range=[low - 0.2, high + 0.2],
    )


SECTION = Section("search", "Vector search", view)
