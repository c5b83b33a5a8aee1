"""Cut-offs of several embeddings on all tasks."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from emb_pipeline.embeddings.protocols import list_remote_parts
from emb_pipeline.embeddings.stored_encoders import StoredEncoders
from emb_pipeline.statistics.cutoffs.cutoff import Cutoff, measure_cutoff
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.score_tables import make_table
from emb_pipeline.storage.failures import is_containable
from emb_pipeline.tasks.cell_tables import read_setting
from emb_pipeline.tasks.cutoffs.columns import CUTOFFS
from emb_pipeline.tasks.cutoffs.left_out import LeftOutClasses
from emb_pipeline.tasks.cutoffs.options import CutoffOptions
from emb_pipeline.tasks.cutoffs.unanswerable import Unanswerable, read_unanswerable
from emb_pipeline.tasks.kind import Kind
from emb_pipeline.tasks.registry import KINDS
from emb_pipeline.tasks.request_times import Definition

LOGGER = logging.getLogger(__name__)


def measure_cutoffs(
    chosen: Mapping[str, Sequence[str]],
    cells: pd.DataFrame,
    encoders: StoredEncoders,
    definitions: Mapping[str, Definition],
    examples: Mapping[str, Mapping[str, pa.Table]],
    options: CutoffOptions,
    resampling: Resampling,
    *,
    encodings: Path,
    raw: Path,
    project: Path,
) -> pd.DataFrame:
    """Measure the cut-off of some embeddings on each task, one after the other.

    Parameters
    ----------
    chosen : mapping of str to sequence of str
        Of each task the embeddings, the first one first.
    cells : DataFrame
        What was evaluated: embedding, task, and the setting that was chosen.
    encoders : StoredEncoders
        The embeddings.
    definitions, examples : mapping
        Of each task.
    options : CutoffOptions
        The level, and requests that cannot be answered.
    resampling : Resampling
        Intervals.
    encodings, raw, project : Path
        Store of what was encoded before; folder of public sources; what paths are relative to.

    Returns
    -------
    DataFrame of CUTOFFS
        An embedding whose scores could not be found is left out, with a warning, and so is one that a service would have to
        be paid for.
    """
    stored, loaded = encoders.by_name(), dict[str, Any]()
    rows = []
    for name, definition in definitions.items():
        kind = KINDS[definition.kind]
        if not kind.best_scores or not chosen.get(name):
            continue
        unanswerable = read_unanswerable(options.unanswerable.get(name), examples, raw, project)
        if unanswerable.requests is None and kind.hold_out:
            continue
        task = kind.create_task(examples[name], name)
        if isinstance(unanswerable.requests, LeftOutClasses):
            unanswerable.requests.choose(task.classes, resampling.seed)  # refused before anything is fitted
        for embedding in chosen[name]:
            of_cell = cells[(cells["embedding"] == embedding) & (cells["task"] == name)]
            try:
                encoder: Any = loaded.get(embedding) or stored[embedding].load(encodings, loaded)
                if list_remote_parts(encoder) or of_cell.empty:
                    continue
                setting = read_setting(of_cell.iloc[0].to_dict())
                found = find_cutoff(kind, task, encoder, definition, unanswerable, setting, options, resampling)
            except BaseException as error:  # one embedding's trouble is its own
                if not is_containable(error):
                    raise
                LOGGER.warning("the cut-off of %s on %s could not be measured: %s", embedding, name, error)
                continue
            if found is not None:
                cutoff, measure = found
                facts = {"task": name, "embedding": embedding, "kind": kind.name, "measure": measure}
                rows.append({**facts, "unanswerable": unanswerable.source, **cutoff.as_row()})
    return make_table(rows, CUTOFFS)


def find_cutoff(
    kind: Kind,
    task: Any,
    encoder: Any,
    definition: Definition,
    unanswerable: Unanswerable,
    setting: Mapping[str, Any] | None,
    options: CutoffOptions,
    resampling: Resampling,
) -> tuple[Cutoff, str] | None:
    """Measure the cut-off of one embedding on one task, and name its score; None where the task has no such thing."""
    scores = kind.find_best_scores(
        task,
        encoder,
        definition.evaluation,
        unanswerable.requests,
        setting=setting,
        at_most=options.queries,
        seed=resampling.seed,
    )
    if scores is None or not len(scores.answerable) or not len(scores.unanswerable):
        return None
    return measure_cutoff(scores, options.level, resampling), scores.measure


def choose_embeddings(
    decision: pd.DataFrame, cells: pd.DataFrame, candidates: set[str], at_most: int
) -> dict[str, list[str]]:
    """Choose the embeddings of each task whose cut-off is measured: the chosen one, then the best that could be deployed."""
    chosen: dict[str, list[str]] = {}
    primary = cells[(cells["metric"] == cells["primary_metric"]) & cells["embedding"].isin(candidates)]
    for task, of_task in primary.groupby("task", sort=False):
        names = decision.loc[(decision["task"] == task) & decision["chosen"].astype(bool), "embedding"].tolist()
        best = of_task.sort_values("value", ascending=False, kind="stable")["embedding"].tolist()
        chosen[str(task)] = list(dict.fromkeys(map(str, [*names, *best])))[:at_most]
    return chosen
