"""The bundle of what a decision has chosen for a task."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
import pyarrow as pa

from emb_pipeline.deployment.bundle import Bundle
from emb_pipeline.deployment.card import write_embedding_card
from emb_pipeline.embeddings.protocols import Setting, details_of
from emb_pipeline.embeddings.stored_encoders import StoredEncoder
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
    setting: Setting | None = None,
    scored_units: pa.Table | None = None,
    describe_cutoff: Callable[[Any], dict[str, Any]] | None = None,
) -> Bundle:
    """Fit what answers with the embedding that was chosen for a task, and describe both.

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
        More to be written into the bundle: kind, origin and method, versions of libraries; perhaps the embeddings that it is
        made of, as ``parts``, and the queries that the setting was chosen on, as ``chosen_on``.
    options : mapping
        Of the embedding, for its card.
    seed : int
        Of the embedding.
    setting : Setting, optional
        The choice of the evaluation, for what the embedding leaves open.
    scored_units : Table of schema SCORED_UNITS, optional
        What it scored on each test unit.
    describe_cutoff : callable, optional
        Describes from which score on it answers (`emb_pipeline.deployment.cutoffs`), given what answers.
    """
    of_task = decision[decision["task"] == task.name]
    (row,) = of_task[of_task["chosen"]].to_dict("records")
    model = KINDS[facts["kind"]].load_export().fit(task, encoder, evaluation, seed=seed, setting=setting)
    known: dict[str, Any] = {
        **{str(name): value for name, value in row.items() if isinstance(value, str | int | float) and value == value},
        **details_of(encoder),
        **({"setting": dict(setting)} if setting else {}),
        **facts,
    }
    if describe_cutoff is not None and (cutoff := describe_cutoff(model)):
        known["cutoff"] = cutoff
    return Bundle(model, known, write_embedding_card(known, options, of_task[~of_task["chosen"]]), scored_units)


def describe_parts(stored: StoredEncoder, loaded: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Describe the embeddings that one is made of, and those that these are made of, each once.

    Parameters
    ----------
    stored : StoredEncoder
        The embedding.
    loaded : mapping
        The encoders, or searchers, of all of them by name.

    Returns
    -------
    list of dict
        embedding, method, options that are not the usual ones, and what a reader must know of it (`details_of`).
    """
    parts: dict[str, dict[str, Any]] = {}
    for base in stored.bases:
        described = {
            "embedding": base.name,
            "method": base.method,
            "options": base.options.model_dump(mode="json", exclude_defaults=True),
        }
        for part in ({**described, **details_of(loaded[base.name])}, *describe_parts(base, loaded)):
            parts.setdefault(part["embedding"], part)
    return list(parts.values())


def leave_out_unexportable(chosen: pd.DataFrame, exportable: set[str]) -> pd.DataFrame:
    """Leave out, with a warning, what has no form outside a run: popularity, answers by lexical overlap, a control."""
    kept = chosen["embedding"].isin(exportable)
    for row in chosen[~kept].to_dict("records"):
        reason = "its method, or that of a part of it, cannot be exported"
        _log.warning("deploy leaves out %s, chosen for %s: %s", row["embedding"], row["task"], reason)
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
