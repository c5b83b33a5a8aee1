"""Which size of an embedding is enough, in sentences."""

from __future__ import annotations

import pandas as pd
from markupsafe import Markup

from emb_pipeline.diagnostics.tables import PIP_LOSS
from emb_pipeline.reporting.findings import Finding, embedding
from emb_pipeline.reporting.sections.summary.deploy import write_further_units
from emb_pipeline.reporting.wording import (
    pluralize,
    write_distance,
    write_size,
)
from emb_pipeline.statistics.decision.standings import SHOWN


def describe_sizes(sizes: pd.DataFrame) -> list[Finding]:
    """For each embedding of several sizes: the smallest that is good enough, and what is lost by it.

    Parameters
    ----------
    sizes : DataFrame
        A task's rows of `emb_pipeline.statistics.decision.sizes.choose_smallest_sufficient`.
    """
    return [_describe_size(str(family), rows) for family, rows in sizes.groupby("family", sort=False)]


def find_pip_losses(checks: pd.DataFrame) -> dict[str, float]:
    """PIP loss against the largest size [Yin & Shen 2018, NeurIPS], of each embedding that has one."""
    rows = checks[checks["check"] == PIP_LOSS]
    return dict(zip(rows["embedding"].astype(str), rows["value"].astype(float), strict=True))


def _describe_size(family: str, rows: pd.DataFrame) -> Finding:
    row = rows[rows["chosen"]].iloc[0].to_dict()
    metric = row["metric"]
    margin = write_distance(row["margin"], metric)
    size = write_size(row["bytes_per_item"])
    if row["standing"] != SHOWN:
        more = write_further_units(row)
        sentence = Markup("Of {}, take {} ({}), measured best: no size is shown to be within {} of every other{}.")
        return Finding(sentence.format(family, embedding(row["embedding"]), size, margin, f"; {more}" if more else ""))
    if row["embedding"] == row["best"]:
        smaller = int((rows["bytes_per_item"] < row["bytes_per_item"]).sum())
        if not smaller:
            return Finding(
                Markup("Of {}, the smallest is the best: {} ({}).").format(family, embedding(row["embedding"]), size)
            )
        sentence = Markup("Of {}, take {} ({}): {} may be worse by more than {}.")
        return Finding(sentence.format(family, embedding(row["embedding"]), size, pluralize(smaller, "smaller one"), margin))
    sentence = Markup("Of {}, {} ({}) is enough. It is {} below the best, {}, and at most {} with 95 % confidence.")
    below, worst = (write_distance(max(-row[name], 0.0), metric) for name in ("difference_to_best", "bound"))
    return Finding(sentence.format(family, embedding(row["embedding"]), size, below, embedding(row["best"]), worst))
