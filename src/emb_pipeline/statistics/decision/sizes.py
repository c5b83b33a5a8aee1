"""Sufficient size of an embedding: the smallest of a family that is not inferior to the family's best."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from emb_pipeline.statistics.decision.non_inferiority import check_non_inferiority, estimate_units_needed
from emb_pipeline.statistics.decision.scored import Scored
from emb_pipeline.statistics.decision.standings import MEASURED_BEST, NOT_SHOWN, SHOWN
from emb_pipeline.statistics.decision.winner import estimate_likely_means
from emb_pipeline.statistics.score_tables import make_table

SIZES = {
    "task": "string",
    "metric": "string",
    "family": "string",
    "embedding": "string",
    "dim": "int64",
    "bytes_per_item": "float64",
    "value": "float64",
    "best": "string",
    "difference_to_best": "float64",
    "bound": "float64",
    "margin": "float64",
    "p": "float64",
    "non_inferior": "bool",
    "standing": "string",
    "units_needed": "float64",
    "chosen": "bool",
    "n": "int64",
}


def choose_smallest_sufficient(
    scored: Scored, family: str, dims: Mapping[Hashable, int], sizes: Mapping[Hashable, float], level: float = 0.05
) -> pd.DataFrame:
    """Choose the size of one embedding to take.

    The rule: the smallest that is not worse than *any* other size by the margin or more, by a one-sided test that is
    corrected for all sizes (`check_non_inferiority`). Where no size passes, the one that is measured best is kept, and
    ``standing`` says that it is not shown to be enough.

    Parameters
    ----------
    scored : Scored
        The sizes of one embedding on one task; the margin is how much worse is still good enough.
    family : str
        What they are sizes of.
    dims : mapping of str to int
        Dimensions of each.
    sizes : mapping of str to float
        Bytes of a vector.
    level : float
        Probability of letting any inferior size through.

    Returns
    -------
    DataFrame with the columns of SIZES
        A row for each, the smallest first. ``bound``: it is not worse than the best by more than this, with confidence
        ``1 - level``. ``units_needed``: units that would show it to be not inferior in 80 % of cases.
    """
    p, bound = check_non_inferiority(scored, level)
    needed = estimate_units_needed(scored, estimate_likely_means(scored, level), level)
    best = scored.embeddings[int(scored.values.argmax())]
    highest = float(scored.values.max())
    rows: list[dict[str, Any]] = [
        {
            "task": scored.task,
            "metric": scored.metric,
            "family": family,
            "embedding": name,
            "dim": dims[name],
            "bytes_per_item": sizes[name],
            "value": value,
            "best": best,
            "difference_to_best": value - highest,
            "bound": bound[place],
            "margin": scored.margin,
            "p": p[place],
            "non_inferior": p[place] <= level,
            "standing": SHOWN if p[place] <= level else MEASURED_BEST if name == best else NOT_SHOWN,
            "units_needed": np.ceil(needed[place]) if p[place] > level and np.isfinite(needed[place]) else np.nan,
            "n": scored.n_units,
        }
        for place, (name, value) in enumerate(zip(scored.embeddings, scored.values.tolist(), strict=True))
    ]
    rows.sort(key=lambda row: (sizes[row["embedding"]], -row["value"]))
    chosen = next((row["embedding"] for row in rows if row["non_inferior"]), best)
    return make_table([{**row, "chosen": row["embedding"] == chosen} for row in rows], SIZES)
