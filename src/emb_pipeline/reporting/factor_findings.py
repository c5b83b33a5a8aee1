"""What the factorial effects say, in sentences."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd
from markupsafe import Markup

from emb_pipeline.reporting import rows as pick
from emb_pipeline.reporting.findings import Finding
from emb_pipeline.reporting.wording import difference_text, distance_text, interval_text, share_text

WHOLE_GRID = "corpus × embedding"


def factor_findings(shares: pd.DataFrame, effects: pd.DataFrame, level: float) -> list[Finding]:
    """What explains the differences between the trained embeddings of a task, and what the corpus changes on average.

    Parameters
    ----------
    shares, effects : DataFrame
        A task's rows of `emb_pipeline.statistics.factorial`.
    level : float
        Error rate of the tests.
    """
    whole = shares[shares["design"] == WHOLE_GRID]
    overall = effects[(effects["design"] == WHOLE_GRID) & (effects["factor"] == "corpus") & (effects["within"] == "")]
    return [*(_change(row, level) for row in overall.to_dict("records")), *([_explained(whole)] if len(whole) else [])]


def _change(row: Mapping[Hashable, Any], level: float) -> Finding:
    told = "" if pick.effect_direction(row, level) else ", which cannot be told from nothing"
    sentence = Markup("<strong>{} instead of {} text: {} {}</strong> on average over {} embeddings{}.")
    change = difference_text(row["difference"], row["metric"])
    bounds = interval_text(row["ci_low"], row["ci_high"], row["metric"])
    return Finding(
        sentence.format(str(row["level_a"]).capitalize(), row["level_b"], change, bounds, row["pairs"], told), "lead"
    )


def _explained(shares: pd.DataFrame) -> Finding:
    parts = [
        f"{row['term']} {share_text(row['share'])}{_interval(row)}, "
        f"a spread of {distance_text(row['spread'], row['metric'])}"
        for row in shares.to_dict("records")
    ]
    return Finding(Markup("What the differences between the trained embeddings are due to: {}.").format("; ".join(parts)))


def _interval(row: Mapping[Hashable, Any]) -> str:
    return "" if pd.isna(row["ci_low"]) else f" [{share_text(row['ci_low'])}, {share_text(row['ci_high'])}]"
