"""Scores by as many labels as can be bought."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class AffordableLabels:
    """The share of a task's labels whose scores count, and what is to be known of it."""

    fraction: float = 1.0
    note: str = ""


def find_affordable_labels(draws: pd.DataFrame, labels: int | None) -> AffordableLabels:
    """Find the largest number of labels that was measured and can be bought; where none is so small, the smallest.

    Parameters
    ----------
    draws : DataFrame
        The task's rows of scores by number of labels; empty where only all labels were measured.
    labels : int, optional
        That can be bought; None for all.
    """
    if labels is None:
        return AffordableLabels()
    if draws.empty:
        return AffordableLabels(note=f"scores of all labels stand for {labels:,}: fewer were not measured")
    counts = draws.drop_duplicates("n_labels").sort_values("n_labels")
    if labels >= round(counts["n_labels"].iloc[0] / counts["label_fraction"].iloc[0]):
        return AffordableLabels()
    fitting = counts[counts["n_labels"] <= labels]
    found = fitting.iloc[-1] if len(fitting) else counts.iloc[0]
    fewer = "" if len(fitting) else ": fewer were not measured"
    notes = [] if found["n_labels"] == labels else [f"scores of {found['n_labels']:,.0f} labels stand for {labels:,}{fewer}"]
    if draws.loc[draws["n_labels"] == found["n_labels"], "draw"].nunique() < 2:
        notes.append("one draw of labels: what others would change is not known")
    return AffordableLabels(float(found["label_fraction"]), "; ".join(notes))
