"""Made queries against real ones: how far the order of embeddings agrees, and each difference."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd
from markupsafe import Markup

from emb_pipeline.reporting.findings import Finding, code
from emb_pipeline.reporting.section import Report, Section
from emb_pipeline.reporting.wording import (
    NOTHING,
    name_metric,
    pluralize,
    write_difference,
    write_interval,
    write_share,
)


def view(report: Report) -> dict[str, Any] | None:
    """Show for each two tasks sentences, and a line for each pair of embeddings."""
    tables = report.tables
    compared = [_compare(row, tables.agreement_pairs) for row in tables.agreement.to_dict("records")]
    return {"compared": compared} if compared else None


def _compare(row: Mapping[Hashable, Any], pairs: pd.DataFrame) -> dict[str, Any]:
    own = pairs[(pairs["made"] == row["made"]) & (pairs["real"] == row["real"])]
    return {
        "made": row["made"],
        "real": row["real"],
        "metric": name_metric(str(row["metric"])),
        "is_corrected": bool(own["corrected"].notna().any()),
        "findings": describe_agreement(row, own),
        "lines": [_line(pair) for pair in own.to_dict("records")],
    }


def _line(pair: Mapping[Hashable, Any]) -> dict[str, Any]:
    values = {name: _value(pair, name) for name in ("real_difference", "made_difference", "shift", "corrected")}
    effective = pair["effective_units"]
    return {
        **{name: pair[name] for name in ("embedding_a", "embedding_b")},
        "cells": list(values.values()),
        "effective_units": NOTHING if pd.isna(effective) else f"{effective:.0f}",
    }


def _value(pair: Mapping[Hashable, Any], name: str) -> tuple[str, str]:
    metric = str(pair["metric"])
    value, low, high = (float(pair[name + end]) for end in ("", "_low", "_high"))
    return write_difference(value, metric), write_interval(low, high, metric)


def describe_agreement(row: Mapping[Hashable, Any], pairs: pd.DataFrame) -> list[Finding]:
    """Say how far the orders agree, how far single differences are off, and whether made queries correct them.

    Parameters
    ----------
    row : mapping
        A row of `emb_pipeline.statistics.agreement.table.AGREEMENT`.
    pairs : DataFrame
        Its pairs of embeddings, of ``AGREEMENT_PAIRS``.
    """
    order = Markup(
        "{} and {} put {} embeddings in orders with Kendall’s τ = {} (interval {} to {}). Of {}, {} differ significantly "
        "on both tasks, and {} of these in the same direction."
    ).format(
        code(row["made"]),
        code(row["real"]),
        row["n_embeddings"],
        *(f"{float(row[name]):.2f}".replace("-", "\u2212") for name in ("tau", "ci_low", "ci_high")),
        pluralize(int(row["n_pairs"]), "pair"),
        row["n_decided"],
        row["n_agreeing"],
    )
    found = [Finding(order, "lead")]
    if float(row["ci_low"]) <= 0:
        n_real = pluralize(int(row["n_real"]), "real query", "real queries")
        text = Markup("That the orders agree at all is not shown: {} leave most pairs open.").format(n_real)
        found.append(Finding(text, "warning"))
    shifted = int(((pairs["shift_low"] > 0) | (pairs["shift_high"] < 0)).sum())
    text = Markup("Made queries shift {} of {} differences significantly, each tested alone.").format(shifted, len(pairs))
    found.append(Finding(text))
    if pd.notna(row["uncorrected_because"]):
        text = Markup("Differences are not corrected by made queries: {}.").format(row["uncorrected_because"])
    else:
        gain = float((pairs["effective_units"] / int(row["n_real"])).median()) - 1
        text = Markup(
            "Corrected by made queries, a difference is as precise as with {} more real queries (median of pairs)."
        ).format(write_share(gain))
    return [*found, Finding(text)]


SECTION = Section("agreement", "Made and real queries", view, heading="Do made queries say what real ones say?")
