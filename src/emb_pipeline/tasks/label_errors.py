"""Test items whose label is likely wrong, with their text, and the scores of embeddings without them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd
import pyarrow as pa

from emb_pipeline.statistics.label_errors import (
    CONSENSUS,
    FEWEST_VOTERS,
    LABEL_ERRORS,
    NONE,
    WITHOUT,
    agree_on_label_errors,
)
from emb_pipeline.statistics.options import ReportOptions
from emb_pipeline.statistics.score_tables import make_table
from emb_pipeline.statistics.unseen import score_unseen
from emb_pipeline.tasks.registry import KINDS


def find_label_errors(
    doubts: pd.DataFrame,
    cells: pd.DataFrame,
    candidates: set[str],
    tasks: Mapping[str, Mapping[str, pa.Table]],
    item_scores: Iterable[pa.Table],
    options: ReportOptions,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """List likely wrong labels of each task, and score embeddings without these items.

    A task has a list where three embeddings or more have probabilities of its classes. The list of one embedding leaves no
    scores: what is left out would be chosen by one of those that are ranked.

    Parameters
    ----------
    doubts : DataFrame
        Of all embeddings (`emb_pipeline.tasks.metrics.label_doubts.LABEL_DOUBTS`).
    cells : DataFrame of task, kind, embedding, family and primary_metric
        Those that were evaluated.
    candidates : set of str
        Embeddings that could be deployed: these have a vote.
    tasks : mapping of str to mapping of str to Table
        Examples of each task.
    item_scores : iterable of Table
        Of all cells.
    options : ReportOptions
        Whose list, and whether texts may be shown.

    Returns
    -------
    DataFrame with the columns of LABEL_ERRORS, and DataFrame with the columns of WITHOUT
    """
    nothing = make_table([], LABEL_ERRORS), make_table([], WITHOUT)
    if options.label_errors == NONE:
        return nothing
    known = cells.drop_duplicates(["task", "embedding"])
    known = known[known["embedding"] == known["family"]]
    voters = {
        str(task): names
        for task, rows in known.groupby("task", sort=False)
        if (names := _list_voters(rows, candidates, options.label_errors))
    }
    found = agree_on_label_errors(doubts, voters)
    if found.empty:
        return nothing
    kind_of, metrics = (dict(zip(known["task"], known[name], strict=True)) for name in ("kind", "primary_metric"))
    units = {str(task): rows["unit_id"].tolist() for task, rows in found.groupby("task", sort=False)}
    if options.examples:
        texts = {task: KINDS[kind_of[task]].describe_units(tasks[task], names) for task, names in units.items()}
        shown = {
            (task, unit): text
            for task, names in units.items()
            if (described := texts[task]) is not None
            for unit, text in zip(names, described.texts, strict=True)
        }
        keys = zip(found["task"], found["unit_id"], strict=True)
        found["text"] = pd.array([shown.get(key) for key in keys], dtype="string")
    if options.label_errors != CONSENSUS:
        return found, nothing[1]
    without = score_unseen(item_scores, {task: set(names) for task, names in units.items()}, metrics, options.resampling)
    without = without.rename(columns={"n_seen": "n_left_out", "value_unseen": "value_without"})
    return found, without[list(WITHOUT)].astype(WITHOUT)


def _list_voters(rows: pd.DataFrame, candidates: set[str], wanted: str) -> list[str]:
    names = [str(name) for name in rows["embedding"]]
    if wanted != CONSENSUS:
        return [name for name in names if name == wanted]
    voters = [name for name in names if name in candidates]
    return voters if len(voters) >= FEWEST_VOTERS else []
