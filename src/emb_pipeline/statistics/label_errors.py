"""Labels that are likely wrong: those that most embeddings doubt, and for the same class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from emb_pipeline.statistics.score_tables import make_table

LABEL_ERRORS = {
    "task": "string",
    "unit_id": "string",
    "text": "string",
    "label": "string",
    "likely": "string",
    "votes": "int64",
    "voters": "int64",
    "confidence": "float64",
    "probability_of_label": "float64",
}
"""``votes`` of ``voters`` embeddings are confident of the class ``likely``; ``confidence``: their mean probability of it."""
WITHOUT = {
    **dict.fromkeys(("task", "metric", "embedding", "origin"), "string"),
    **dict.fromkeys(("n", "n_left_out"), "int64"),
    **dict.fromkeys(("value", "value_without", "ci_low", "ci_high", "difference"), "float64"),
}
"""Scores on all units, and on those whose label is not on the list."""
CONSENSUS, NONE = "consensus", "none"
"""The list of most embeddings, and no list."""
FEWEST_VOTERS = 3
"""Embeddings that make a consensus at least."""


def agree_on_label_errors(doubts: pd.DataFrame, voters: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """List the units whose label more than half of the embeddings doubt, all of these for the same class.

    Parameters
    ----------
    doubts : DataFrame of task, embedding, unit_id, label, likely, probability_of_label, probability_of_likely
        One row per embedding and unit.
    voters : mapping of str to sequence of str
        By task, the embeddings that have a vote.

    Returns
    -------
    DataFrame with the columns of LABEL_ERRORS
        Sorted by task, then by votes and by how much more probable than the label the likely class is, the surest first.
        ``text`` is missing.
    """
    parts = []
    for task, names in voters.items():
        own = doubts[(doubts["task"] == task) & doubts["embedding"].isin(names)]
        grouped = own.groupby(["unit_id", "label", "likely"], observed=True, sort=True)
        means = grouped[["probability_of_label", "probability_of_likely"]].mean().assign(votes=grouped.size()).reset_index()
        agreed = means[2 * means["votes"] > len(names)].rename(columns={"probability_of_likely": "confidence"})
        lead = agreed["confidence"] - agreed["probability_of_label"]
        agreed = agreed.assign(lead=lead).sort_values(["votes", "lead", "unit_id"], ascending=[False, False, True])
        parts.append(agreed.assign(task=task, voters=len(names)).reindex(columns=list(LABEL_ERRORS)).astype(LABEL_ERRORS))
    return pd.concat([make_table([], LABEL_ERRORS), *parts], ignore_index=True)
