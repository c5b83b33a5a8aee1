"""Requirements besides the score: to refuse requests that cannot be answered, and to answer enough of the others."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import pandas as pd

from emb_pipeline.statistics.decision.options import RefusalOptions

_NOT_MEASURED = "its cut-off was not measured"


def find_lacks(names: Iterable[str], task: str, cutoffs: pd.DataFrame, required: RefusalOptions | None) -> dict[str, str]:
    """Find which embeddings have no cut-off at a task with the recall that is required, and why.

    Parameters
    ----------
    names : iterable of str
        The embeddings that would compete.
    task : str
        The task.
    cutoffs : DataFrame with the columns of `emb_pipeline.statistics.cutoffs.cutoff.CUTOFF`, task and embedding
        Cut-offs that were measured.
    required : RefusalOptions, optional
        What is required; None: nothing.

    Returns
    -------
    dict of str to str
        By embedding the reason why it does not compete.
    """
    if required is None:
        return {}
    of_task = cutoffs[cutoffs["task"] == task].to_dict("records") if len(cutoffs) else []
    rows = {str(row["embedding"]): row for row in of_task}
    found = {name: _describe_lack(rows[name], required.recall) if name in rows else _NOT_MEASURED for name in names}
    return {name: reason for name, reason in found.items() if reason}


def join_lacks(of_tasks: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Join what embeddings lack on any of several tasks: they do not compete for the choice of all."""
    found: dict[str, str] = {}
    for task, lacks in of_tasks.items():
        for name, reason in lacks.items():
            found.setdefault(name, f"on {task}: {reason}")
    return found


def _describe_lack(row: Mapping[Hashable, Any], recall: float) -> str:
    level = f"{100 * float(row['level']):g} %"
    if not row["exists"]:
        return f"no cut-off keeps {level}: {row['reason']}"
    low = float(row["recall_low"])
    if low >= recall:
        return ""
    return f"the cut-off that keeps {level} is shown to have a recall of {low:.3f}, below {recall:g}"
