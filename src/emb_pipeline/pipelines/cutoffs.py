"""Cut-offs of embeddings that a step names: `decide` takes them where they are required, `report` shows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from emb_pipeline.embeddings.stored_encoders import StoredEncoders
from emb_pipeline.experiment.model import Folders, TaskDefinition
from emb_pipeline.pipelines.gathering import concatenate_tables, split_inputs
from emb_pipeline.statistics.options import ReportOptions
from emb_pipeline.tasks.cutoffs.options import CutoffOptions


def measure_named_cutoffs(
    name_embeddings: Callable[[pd.DataFrame], Mapping[str, Sequence[str]]],
    options: CutoffOptions,
    report: ReportOptions,
    folders: Folders,
    parts: Mapping[str, Any],
) -> pd.DataFrame:
    """Measure cut-offs of the embeddings that are named for each task, given all cells.

    Parameters
    ----------
    name_embeddings : callable
        Of each task the embeddings, given the table of cells.
    options, report, folders : CutoffOptions, ReportOptions, Folders
        As the steps take them.
    parts : mapping
        ``scores_<origin>``, ``task_<task>`` and ``definition_<task>``.
    """
    from emb_pipeline.tasks.cutoffs import table  # takes numba along

    scores = split_inputs(parts, "scores_")
    definitions = {name: TaskDefinition.model_validate(each) for name, each in split_inputs(parts, "definition_").items()}
    cells = concatenate_tables(scores, "cells")
    return table.measure_cutoffs(
        name_embeddings(cells),
        cells,
        StoredEncoders.join(each["encoders"] for each in scores.values()),
        definitions,
        split_inputs(parts, "task_"),
        options,
        report.resampling,
        encodings=folders.encodings,
        raw=folders.raw,
        project=folders.project,
    )
