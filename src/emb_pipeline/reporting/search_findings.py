"""What vector search costs and loses, in sentences, each from rows of the table of searches."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd
from markupsafe import Markup

from emb_pipeline.reporting.findings import Finding, code
from emb_pipeline.reporting.rows import EXACT, setting_text
from emb_pipeline.reporting.wording import (
    bytes_text,
    count_text,
    distance_text,
    interval_text,
    metric_name,
    milliseconds_text,
    share_text,
)


def search_findings(searches: pd.DataFrame) -> list[Finding]:
    """What exact search takes, which index to use, what a faster one loses, and which curves are not to be trusted.

    Parameters
    ----------
    searches : DataFrame
        A task's rows of `emb_pipeline.tasks.retrieval.vector_search.SearchCosts`.
    """
    exact = searches[searches["index"] == EXACT]
    indexed = searches[searches["index"] != EXACT]
    found = [_exact_finding(exact)] if len(exact) else []
    for (name, _), rows in indexed.groupby(["embedding", "in_store"], sort=False):
        product = exact.loc[exact["embedding"] == name, "latency_ms_p50"]
        found += [*_recommended(rows, product), *_least(rows), *_filtered(rows), *_faults(rows)]
    return found


def _exact_finding(exact: pd.DataFrame) -> Finding:
    parts = [
        Markup("{} {} ({} for a passage)").format(
            code(row["embedding"]), milliseconds_text(row["latency_ms_p50"]), bytes_text(row["bytes_per_item"])
        )
        for row in exact.sort_values("latency_ms_p50").to_dict("records")
    ]
    sentence = Markup("One query against all {} passages, as a matrix product without a vector store, median: {}.")
    return Finding(sentence.format(count_text(exact["items"].iloc[0]), Markup(", ").join(parts)), "lead")


def _recommended(rows: pd.DataFrame, product: pd.Series) -> list[Finding]:
    """The setting to use, in Milvus or in this process, where a query's time is held against that of the matrix product."""
    in_store = bool(rows["in_store"].iloc[0])
    chosen = rows[rows["recommended"]]
    if chosen.empty:
        which = "No index" if in_store else "No number of candidates by Hamming distance"
        return [Finding(Markup("{} finds enough of what an exact search finds.").format(which), "warning")]
    row = chosen.iloc[0].to_dict()
    sentence = Markup(
        "{} {} is the fastest that finds enough of the nearest of {}: {} of them, {} a query{}; it loses {} {} {}."
    )
    found = sentence.format(
        "In Milvus" if in_store else "Without a vector store",
        setting_text(row),
        code(row["embedding"]),
        share_text(row["recall"]),
        milliseconds_text(row["latency_ms_p50"]),
        "" if in_store or product.empty else f" (the matrix product: {milliseconds_text(product.iloc[0])})",
        distance_text(max(row["loss"], 0.0), row["metric"]),
        metric_name(row["metric"]),
        interval_text(row["ci_low"], row["ci_high"], row["metric"]),
    )
    return [Finding(found if in_store else found + _two_steps(row))]


def _two_steps(row: Mapping[Hashable, Any]) -> str:
    """What a search by Hamming distance reads."""
    bits, stored = bytes_text(row["index_bytes"] / row["items"]), bytes_text(row["bytes_per_item"])
    return f" It compares {bits} of each passage, and reads the {stored} kept beside them of candidates alone."


def _least(rows: pd.DataFrame) -> list[Finding]:
    """The setting that finds least: what looking at too little costs the task."""
    row = rows.sort_values("recall").iloc[0].to_dict()
    if row["recommended"] or row["ci_low"] <= 0:
        return []
    sentence = Markup("{} finds {} of them, and that costs {} {} {}.")
    lost = (
        distance_text(row["loss"], row["metric"]),
        metric_name(row["metric"]),
        interval_text(row["ci_low"], row["ci_high"], row["metric"]),
    )
    return [Finding(sentence.format(setting_text(row), share_text(row["recall"]), *lost))]


def _filtered(rows: pd.DataFrame) -> list[Finding]:
    measured = rows[rows["filtered_recall"].notna()]
    parts = [
        f"{row['index']} {share_text(row['filtered_recall'])} in {milliseconds_text(row['filtered_latency_ms_p50'])}"
        for row in measured.to_dict("records")
    ]
    return (
        [Finding(Markup("Confined by a filter to some of the passages they find: {}.").format("; ".join(parts)))]
        if parts
        else []
    )


def _faults(rows: pd.DataFrame) -> list[Finding]:
    faulty = rows[rows["fault"].notna()].drop_duplicates("index")
    return [
        Finding(Markup("The curve of {} is not shown: {}.").format(row["index"], row["fault"]), "warning")
        for row in faulty.to_dict("records")
    ]
