"""The bundle of what a decision has chosen for a task."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import pandas as pd

from emb_pipeline.deployment.bundle import Bundle
from emb_pipeline.deployment.card import write_embedding_card
from emb_pipeline.embeddings.protocols import details_of
from emb_pipeline.errors import DataError
from emb_pipeline.statistics.decision.standings import NOT_ABOVE_FLOOR
from emb_pipeline.tasks.registry import KINDS

_log = logging.getLogger(__name__)


def build_bundle(
    decision: pd.DataFrame,
    task: Any,
    encoder: Any,
    evaluation: Any,
    facts: Mapping[str, Any],
    options: Mapping[str, Any],
    *,
    seed: int,
) -> Bundle:
    """Fit the probe of the embedding that was chosen for a task, and describe both.

    Parameters
    ----------
    decision : DataFrame
        Candidates for all tasks; one row of the task is chosen.
    task : any
        The task.
    encoder : any
        The chosen embedding.
    evaluation : EvaluationOptions
        How the task evaluates.
    facts : mapping
        More to be written into the bundle: kind, origin and method, versions of libraries.
    options : mapping
        Of the embedding, for its card.
    seed : int
        Of the embedding.
    """
    of_task = decision[decision["task"] == task.name]
    (row,) = of_task[of_task["chosen"]].to_dict("records")
    model = KINDS[facts["kind"]].load_export().fit(task, encoder, evaluation, seed=seed)
    known: dict[str, Any] = {
        **{str(name): value for name, value in row.items() if isinstance(value, str | int | float) and value == value},
        **{name: facts[name] for name in ("kind", "origin", "method")},
        **details_of(model.encoder),
        "versions": facts["versions"],
    }
    return Bundle(model, known, write_embedding_card(known, options, of_task[~of_task["chosen"]]))


def leave_out_unexportable(chosen: pd.DataFrame, exportable: set[str]) -> pd.DataFrame:
    """Leave out, with a warning, what has no form outside a run: a searcher, a fusion, a reranker."""
    kept = chosen["embedding"].isin(exportable)
    for row in chosen[~kept].to_dict("records"):
        _log.warning("deploy leaves out %s, chosen for %s: its method cannot be exported", row["embedding"], row["task"])
    return chosen[kept]


def leave_out_worthless(chosen: pd.DataFrame) -> pd.DataFrame:
    """Leave out, with a warning, what is not shown to be better than a control, the largest class or chance.

    Raises
    ------
    DataError
        Nothing is left. Names the tasks, and the way to export it all the same.
    """
    worthless = chosen["standing"] == NOT_ABOVE_FLOOR
    if not worthless.any():
        return chosen
    each = (f"{row['embedding']} on {row['task']} (against {row['floor']})" for row in chosen[worthless].to_dict("records"))
    reason = f"not shown to be better than a control, the largest class or chance: {', '.join(each)}"
    force = "export it all the same: kedro run --pipelines deploy --force"
    if worthless.all():
        raise DataError(
            "deploy", reason, f"evaluate other embeddings or more test items, leave the task out of grid.tasks, or {force}"
        )
    _log.warning("deploy leaves out what is %s; to %s", reason, force)
    return chosen[~worthless]
