"""Test of whether the embeddings of a report differ at all."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from emb_pipeline.statistics.comparisons.claims import ALL_LABELS, CURVE, FACTOR, PAIR

ANY_DIFFERENCE = {
    "task": "string",
    "metric": "string",
    "labels": "string",
    "p_adjusted": "float64",
    "claims": "int64",
    "found": "int64",
    "label_share": "float64",
    "n": "int64",
}
ALL, FEWER = "all", "fewer"


def check_any_differences(claims: pd.DataFrame, controls: Collection[str], level: float) -> pd.DataFrame:
    """For each task, the surest difference between embeddings that are no controls, and how many were found.

    That a control differs says nothing of a choice between the others, so claims about controls are left out.

    Parameters
    ----------
    claims : DataFrame with the columns of CLAIMS
        Of `emb_pipeline.statistics.comparisons.claims.check_claims`.
    controls : collection of str
        Embeddings that are there to be beaten.
    level : float
        Error rate for the whole report.

    Returns
    -------
    DataFrame with the columns of ANY_DIFFERENCE
        A row for each task, and one for its learning curves where it has some (``labels``). ``label_share``: part of the
        variance of a difference that is due to which examples were labeled, the median over pairs.
    """
    of_pairs = claims["family"].isin([PAIR, CURVE]) & ~(
        claims["embedding_a"].isin(controls) | claims["embedding_b"].isin(controls)
    )
    chosen = claims[of_pairs | (claims["family"] == FACTOR)]
    chosen = chosen.assign(labels=(chosen["n_labels"] == ALL_LABELS).map({True: ALL, False: FEWER}))
    rows = [
        {
            "task": task,
            "metric": rows["metric"].iloc[0],
            "labels": labels,
            "p_adjusted": rows["p_adjusted"].min(),
            "claims": len(rows),
            "found": int((rows["p_adjusted"] <= level).sum()),
            "label_share": float(rows.loc[rows["family"] == PAIR, "label_share"].median()),
            "n": int(rows["n"].iloc[0]),
        }
        for (task, labels), rows in chosen.groupby(["task", "labels"], sort=False)
    ]
    return pd.DataFrame(rows, columns=list(ANY_DIFFERENCE)).astype(ANY_DIFFERENCE)
