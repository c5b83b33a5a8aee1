"""The choice of one embedding for all tasks, seen from each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from emb_pipeline.statistics.decision.scored import Scored
from emb_pipeline.statistics.intervals.bootstrap import compute_percentile_interval

JOINT_CHOICE = {
    "task": "string",
    "metric": "string",
    "embedding": "string",
    "competes": "bool",
    "standing": "string",
    "reason": "string",
    "chosen": "bool",
    "value": "float64",
    "best": "string",
    "difference": "float64",
    "ci_low": "float64",
    "ci_high": "float64",
    "margin": "float64",
}


def compare_joint_choice(
    parts: Sequence[Scored], weights: Mapping[str, float], candidates: pd.DataFrame | None, level: float = 0.05
) -> pd.DataFrame:
    """Say who competes for all tasks together, and what the choice costs on each.

    Parameters
    ----------
    parts : sequence of Scored
        The tasks.
    weights : mapping of str to float
        What they count; a task without weight is left out.
    candidates : DataFrame, optional
        The rows of ``decide`` for the tasks as one; None where no embedding was evaluated on all of them.
    level : float
        Of the intervals.

    Returns
    -------
    DataFrame with the columns of JOINT_CHOICE
        A row for each embedding and each task that it was evaluated on. ``best`` is the best of the task whatever it
        costs, and ``difference`` the embedding's score minus its, with an interval.
    """
    counted = [part for part in parts if weights.get(part.task, 0) > 0]
    known = {} if candidates is None else {str(row["embedding"]): row for row in candidates.to_dict("records")}
    rows = []
    for part in counted:
        best = part.embeddings[int(part.values.argmax())] if part.embeddings else ""
        for name in part.embeddings:
            missed = [other.task for other in counted if name not in other.embeddings]
            row = known.get(
                name, {"fits": False, "chosen": False, "standing": "", "reason": f"not evaluated on {', '.join(missed)}"}
            )
            pair = part.select_embeddings([name, best])
            interval = compute_percentile_interval(
                pair.values[0] - pair.values[1], pair.resampled[:, 0] - pair.resampled[:, 1], 1 - level
            )
            rows.append(
                {
                    "task": part.task,
                    "metric": part.metric,
                    "embedding": name,
                    "competes": bool(row["fits"]),
                    "standing": row["standing"],
                    "reason": row["reason"],
                    "chosen": bool(row["chosen"]),
                    "value": pair.values[0],
                    "best": best,
                    "difference": interval.value,
                    "ci_low": interval.low,
                    "ci_high": interval.high,
                    "margin": part.margin,
                }
            )
    return pd.DataFrame(rows, columns=list(JOINT_CHOICE)).astype(JOINT_CHOICE)
