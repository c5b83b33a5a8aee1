"""Times of dense and sparse matrix operations, in sentences, a figure and a table."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from markupsafe import Markup

from emb_pipeline.efficiency.matrix_operations import (
    COPY,
    DENSE_ONE,
    FIT_DENSE,
    FIT_SPARSE,
    LOOKUP,
    ONE_HOT,
    PRODUCT,
    SPARSE_ONE,
    Crossing,
    find_crossings,
    find_machine_bounds,
)
from emb_pipeline.reporting.drawing import make_empty_figure
from emb_pipeline.reporting.findings import Finding
from emb_pipeline.reporting.section import Report, Section, embed
from emb_pipeline.reporting.theme import INDEX_SYMBOLS, METHOD_DASHES, look
from emb_pipeline.reporting.wording import NOTHING, write_count, write_milliseconds, write_number, write_seconds, write_size

_COLORS = {DENSE_ONE: "domain", SPARSE_ONE: "generic"}


def view(report: Report) -> dict[str, Any] | None:
    """Show what operations take by number of rows, and from how many words of a text on a dense vector is cheaper."""
    table = report.tables.matrix_operations
    timed = table[table["seconds"].notna()]
    if timed.empty:
        return None
    figure = report.figure("matrices", lambda: plot_operations(table))
    return {
        "findings": describe_operations(timed),
        "figure": embed(
            figure,
            "matrices",
            "Time to score all rows against one query, by number of rows, for dense and for sparse rows. The table holds "
            "the same numbers.",
            "One query against all rows, both scales logarithmic. Dotted: what reading the rows takes at the bandwidth of "
            "this machine’s memory. Rows in a cache can be faster.",
        ),
        "lines": [_build_line(row) for row in timed.to_dict("records")],
        "left_out": [
            f"{row['operation']}, {write_count(row['n'])} rows, {write_size_of(row)}: {row['note']}"
            for row in table[table["seconds"].isna()].to_dict("records")
        ],
    }


def write_size_of(row: Mapping[Hashable, Any]) -> str:
    """Write the columns of a row, and of a sparse one how many are not zero."""
    columns, nonzeros = row["columns"], float(row["nonzeros"])
    if math.isnan(nonzeros) or nonzeros == columns:
        return f"{write_count(columns)} columns"
    return f"{write_count(columns)} columns, {write_number(round(nonzeros, 1))} not zero"


def describe_operations(timed: pd.DataFrame) -> list[Finding]:
    """Say where dense rows get cheaper than sparse ones, what a look-up saves, what a fit takes, and the machine's bounds.

    Parameters
    ----------
    timed : DataFrame of `emb_pipeline.efficiency.matrix_operations.MATRIX_OPERATIONS`
        Operations that were timed.
    """
    found: list[Finding] = []
    crossings = find_crossings(timed)
    if crossings:
        n = max(rows for rows, _ in crossings)
        for (rows, dim), crossing in crossings.items():
            if rows == n:
                text = Markup("One query against {} rows: a dense row of {} numbers is cheaper than a sparse one {}.")
                text = text.format(write_count(n), write_count(dim), _write_crossing(crossing))
                found.append(Finding(text, "lead" if not found else "plain"))
    return [*found, *_describe_lookup(timed), *_describe_fits(timed), *_describe_machine(timed)]


def _write_crossing(crossing: Crossing) -> str:
    if crossing.value == 0:
        return "whatever is in it"
    if math.isinf(crossing.value):
        return "with more words than were timed, if at all"
    ends = [write_count(end) if math.isfinite(end) else "more than were timed" for end in (crossing.low, crossing.high)]
    return f"from {write_count(crossing.value)} words on (quartiles: {' to '.join(ends)})"


def _describe_lookup(timed: pd.DataFrame) -> list[Finding]:
    both = timed[timed["operation"].isin([LOOKUP, ONE_HOT])]
    wide = both.pivot_table(index=["n", "columns"], columns="operation", values="seconds")
    if not {LOOKUP, ONE_HOT} <= set(wide.columns) or wide.dropna().empty:
        return []
    last = wide.dropna().iloc[-1]
    n, columns = wide.dropna().index[-1]
    text = Markup(
        "Taking {} rows of {} numbers by their number takes {}; as a product with one-hot rows it takes {}."
    ).format(
        write_count(n), write_count(columns), write_milliseconds(1e3 * last[LOOKUP]), write_milliseconds(1e3 * last[ONE_HOT])
    )
    return [Finding(text)]


def _describe_fits(timed: pd.DataFrame) -> list[Finding]:
    fits = timed[timed["operation"].isin([FIT_DENSE, FIT_SPARSE])]
    if fits["operation"].nunique() < 2:
        return []
    n = int(fits["n"].max())
    parts = [
        f"{write_seconds(rows['seconds'].min())} to {write_seconds(rows['seconds'].max())} "
        f"for {str(name).rpartition(' ')[2]} rows"
        for name, rows in fits[fits["n"] == n].groupby("operation", sort=False)
    ]
    return [Finding(Markup("A probe is fitted to {} texts in {}.").format(write_count(n), " and ".join(parts)))]


def _describe_machine(timed: pd.DataFrame) -> list[Finding]:
    bounds = find_machine_bounds(timed)
    text = Markup("One thread of this machine moves {} a second, and does {} billion operations a second.")
    return [Finding(text.format(write_size(bounds["bandwidth"]), write_number(round(bounds["speed"] / 1e9, 1))))]


def _build_line(row: Mapping[Hashable, Any]) -> dict[str, Any]:
    seconds, bound = float(row["seconds"]), float(row["bound_seconds"])
    return {
        "name": row["operation"],
        "size": write_size_of(row) if row["operation"] not in (COPY, PRODUCT) else "",
        "cells": [
            write_count(row["n"]),
            write_milliseconds(1e3 * seconds),
            f"{write_milliseconds(1e3 * row['seconds_low'])} to {write_milliseconds(1e3 * row['seconds_high'])}",
            write_count(row["repeats"]),
            write_milliseconds(1e3 * bound),
            f"{seconds / bound:.1f}" if bound > 0 else NOTHING,
            write_size(row["bytes_per_row"]),
        ],
    }


def plot_operations(table: pd.DataFrame) -> go.Figure:
    """Draw the time to score all rows against one query by number of rows: a line for each dimension and density.

    Parameters
    ----------
    table : DataFrame of `emb_pipeline.efficiency.matrix_operations.MATRIX_OPERATIONS`
        Operations without a time are left out.
    """
    timed = table[table["seconds"].notna() & table["operation"].isin(_COLORS)]
    figure = make_empty_figure(height=420)
    if timed.empty:
        return figure
    rounded = timed.assign(size=timed["nonzeros"].round().astype(int))
    for operation, rows in rounded.groupby("operation", sort=False):
        color = look(_COLORS[str(operation)]).color
        for place, (written, part) in enumerate(rows.groupby("size")):
            size, part = int(str(written)), part.sort_values("n")
            kind = f"dense, {write_count(size)} numbers" if operation == DENSE_ONE else f"sparse, {write_count(size)} words"
            milliseconds = 1e3 * part["seconds"]
            figure.add_trace(
                go.Scatter(
                    x=part["n"].tolist(),
                    y=milliseconds.tolist(),
                    mode="lines+markers",
                    name=kind,
                    line={"color": color, "width": 2, "dash": METHOD_DASHES[place % len(METHOD_DASHES)]},
                    marker={"color": color, "symbol": INDEX_SYMBOLS[place % len(INDEX_SYMBOLS)], "size": 8},
                    error_y={
                        "type": "data",
                        "symmetric": False,
                        "array": (1e3 * part["seconds_high"] - milliseconds).tolist(),
                        "arrayminus": (milliseconds - 1e3 * part["seconds_low"]).tolist(),
                        "color": color,
                        "width": 0,
                    },
                    text=[
                        f"{kind}, {write_count(row['n'])} rows: {write_milliseconds(1e3 * row['seconds'])}"
                        for row in part.to_dict("records")
                    ],
                    hoverinfo="text",
                )
            )
            if operation == DENSE_ONE:
                figure.add_trace(
                    go.Scatter(
                        x=part["n"].tolist(),
                        y=(1e3 * part["bound_seconds"]).tolist(),
                        mode="lines",
                        showlegend=False,
                        name=f"bound, {kind}",
                        line={"color": color, "width": 1, "dash": "dot"},
                        hoverinfo="skip",
                    )
                )
    figure.update_xaxes(type="log", title_text="rows (log scale)")
    return figure.update_yaxes(type="log", title_text="milliseconds for one query (log scale)")


SECTION = Section("matrices", "Matrix operations", view, heading="From how many words on is a dense vector cheaper?")
