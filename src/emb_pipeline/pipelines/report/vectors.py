"""Steps that look at the vectors of users and items, and gather what they found for the page."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import pyarrow as pa

from emb_pipeline.embeddings.stored_encoders import StoredEncoders
from emb_pipeline.experiment.model import Folders, TaskDefinition
from emb_pipeline.pipelines.failures import contain_failures
from emb_pipeline.pipelines.gathering import Scores, concatenate_tables
from emb_pipeline.storage.failures import Failed
from emb_pipeline.tasks.recommendation.tables import SHOWN_TABLES
from emb_pipeline.tasks.registry import KINDS


@contain_failures(1)
def examine_vectors(
    task: Mapping[str, pa.Table], definition: TaskDefinition, folders: Folders, seed: int, after: pa.Table, **scores: Scores
) -> dict[str, pa.Table]:
    """Look at the vectors that embeddings have on a task; ``after`` is what was timed last."""
    kind = KINDS[definition.kind]
    cells = _rank_cells(concatenate_tables(scores, "cells"), definition)
    encoders = StoredEncoders.join(each["encoders"] for each in scores.values())
    made = kind.create_task(task, definition.name)
    return kind.examine_vectors(made, cells, encoders, definition.evaluation, folders.encodings, seed=seed)


def _rank_cells(cells: pd.DataFrame, definition: TaskDefinition) -> pd.DataFrame:
    of_task = cells[(cells["task"] == definition.name) & (cells["metric"] == definition.primary_metric)]
    return of_task.sort_values("value", ascending=False, kind="stable")


def collect_vectors(after: pa.Table, **examined: Mapping[str, pa.Table] | Failed) -> tuple[pa.Table, ...]:
    """Gather what was found of the vectors of all tasks: the tables that `SHOWN_TABLES` names."""
    whole = [each for each in examined.values() if not isinstance(each, Failed)]
    return tuple(
        pa.concat_tables([schema.empty_table(), *(each[name] for each in whole)]) for name, schema in SHOWN_TABLES.items()
    )
