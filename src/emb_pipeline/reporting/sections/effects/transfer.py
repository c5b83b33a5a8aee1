"""The domain that was learned from against another one: what each embedding loses, and which one loses less."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd
from markupsafe import Markup

from emb_pipeline.reporting import rows as pick
from emb_pipeline.reporting.findings import Finding, code, embedding
from emb_pipeline.reporting.section import Report, Section
from emb_pipeline.reporting.wording import name_metric, write_difference, write_interval, write_value

_Row = Mapping[Hashable, Any]


def view(report: Report) -> dict[str, Any] | None:
    """Show for each two tasks sentences, and a line for each embedding."""
    table = report.tables.transfers
    compared = [_compare(report, rows) for _, rows in table.groupby(["within", "across"], sort=False)]
    return {"compared": compared} if compared else None


def _compare(report: Report, rows: pd.DataFrame) -> dict[str, Any]:
    within, across, metric = (str(rows[name].iloc[0]) for name in ("within", "across", "metric"))
    facts = pick.select_primary(report.tables.leaderboard, across).set_index("embedding")
    known = rows[rows["embedding"].isin(facts.index)].sort_values("value_across", ascending=False)
    known = known.join(facts[["origin", "method", "derivation"]], on="embedding")
    reference = find_reference(known)
    tested = report.tables.transfer_pairs
    pairs = _against(tested[(tested["within"] == within) & (tested["across"] == across)], reference)
    return {
        "within": within,
        "across": across,
        "metric": name_metric(metric),
        "reference": reference,
        "findings": describe_transfer(known, reference, pairs),
        "lines": [_line(row, metric, pairs) for row in known.to_dict("records")],
    }


def find_reference(rows: pd.DataFrame) -> str | None:
    """Find the sparse embedding that is highest within the domain, which all others are compared with."""
    sparse = pick.select_sparse(pick.select_choosable(rows)).sort_values("value_within", ascending=False, kind="stable")
    return None if sparse.empty else str(sparse["embedding"].iloc[0])


def _against(pairs: pd.DataFrame, reference: str | None) -> dict[str, dict[str, tuple[float, float, float]]]:
    """Find the differences of each embedding to the reference, each with its interval."""
    found: dict[str, dict[str, tuple[float, float, float]]] = {}
    for row in pairs.to_dict("records"):
        if reference not in (row["embedding_a"], row["embedding_b"]):
            continue
        is_first = row["embedding_b"] == reference
        values = {}
        for name in ("difference_within", "difference_across", "change"):
            value, low, high = (float(row[f"{name}{end}"]) for end in ("", "_low", "_high"))
            values[name] = (value, low, high) if is_first else (-value, -high, -low)
        found[str(row["embedding_a"] if is_first else row["embedding_b"])] = values
    return found


def _line(row: _Row, metric: str, pairs: Mapping[str, Mapping[str, tuple[float, float, float]]]) -> dict[str, Any]:
    cells = [
        (write_value(row[name], metric), write_interval(row[f"{name}_low"], row[f"{name}_high"], metric))
        for name in ("value_within", "value_across")
    ]
    ends = row["change_low"], row["change_high"]
    cells.append((write_difference(row["change"], metric), write_interval(*ends, metric)))
    of_pair = pairs.get(str(row["embedding"]), {})
    for name in ("difference_across", "change"):
        found = of_pair.get(name)
        cells.append(("", "") if found is None else (write_difference(found[0], metric), write_interval(*found[1:], metric)))
    return {"embedding": row["embedding"], "origin": row["origin"], "cells": cells}


def describe_transfer(
    rows: pd.DataFrame, reference: str | None, pairs: Mapping[str, Mapping[str, tuple[float, float, float]]]
) -> list[Finding]:
    """Say what embeddings lose on another domain, and whether dense ones lose less than the best sparse one.

    Parameters
    ----------
    rows : DataFrame
        Of `emb_pipeline.statistics.transfer.table.TRANSFERS`, of one pair of tasks, with origin, method and derivation.
    reference : str, optional
        The sparse embedding that others are compared with.
    pairs : mapping
        Differences of each embedding to it (value, low, high), by name.
    """
    chosen = pick.select_choosable(rows)
    if chosen.empty:
        return []
    metric, best = str(chosen["metric"].iloc[0]), chosen.iloc[0]
    lost = int((chosen["change_high"] < 0).sum())
    found = [
        Finding(
            Markup(
                "On {} {} of {} embeddings score less than within their domain, and their interval leaves out zero."
            ).format(code(best["across"]), lost, len(chosen)),
            "lead",
        )
    ]
    if reference is not None:
        dense = [str(name) for name in pick.select_dense(chosen)["embedding"] if str(name) in pairs]
        less = [name for name in dense if pairs[name]["change"][1] > 0]
        more = [name for name in dense if pairs[name]["change"][2] < 0]
        text = Markup(
            "Against {}, the highest sparse one within the domain, {} of {} dense embeddings lose less and {} more."
        )
        found.append(Finding(text.format(embedding(reference), len(less), len(dense), len(more))))
        ahead = [name for name in dense if pairs[name]["difference_across"][1] > 0]
        text = Markup("On the other domain {} of {} dense embeddings are above it. Each interval holds for itself.")
        found.append(Finding(text.format(len(ahead), len(dense))))
    value, interval = write_value(best["value_across"], metric), _interval(best, "value_across", metric)
    text = Markup("The highest on the other domain is {} with {} {}.").format(embedding(best["embedding"]), value, interval)
    found.append(Finding(text))
    if not rows["same_training"].fillna(False).astype(bool).all():
        text = Markup("The two tasks do not learn from the same texts, so that a change is also due to these.")
        found.append(Finding(text, "warning"))
    return found


def _interval(row: Any, name: str, metric: str) -> str:
    return write_interval(row[f"{name}_low"], row[f"{name}_high"], metric)


SECTION = Section("transfer", "Another domain", view, heading="What is lost on texts of another domain?")
