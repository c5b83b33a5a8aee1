"""The step of the report stage that finds from which score on to answer."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa

from emb_pipeline.embeddings.stored_encoders import StoredEncoders
from emb_pipeline.experiment.model import Folders, TaskDefinition
from emb_pipeline.pipelines.gathering import concatenate_tables, split_inputs
from emb_pipeline.statistics.embedding_facts import add_origins, list_candidates, read_facts
from emb_pipeline.statistics.options import ReportOptions
from emb_pipeline.tasks.cutoffs.options import CutoffOptions


def measure_cutoffs(
    options: CutoffOptions,
    report: ReportOptions,
    folders: Folders,
    facts: pa.Table,
    decision: pa.Table,
    after: pa.Table,
    **parts: Any,
) -> pd.DataFrame:
    """Measure the cut-offs of the chosen and of the best embeddings of each task; ``after`` all that is timed."""
    from emb_pipeline.tasks.cutoffs import table  # takes numba along

    scores, known = split_inputs(parts, "scores_"), read_facts(facts)
    definitions = {name: TaskDefinition.model_validate(each) for name, each in split_inputs(parts, "definition_").items()}
    cells = concatenate_tables(scores, "cells")
    found = table.measure_cutoffs(
        table.choose_embeddings(decision.to_pandas(), cells, list_candidates(known), options.embeddings),
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
    return add_origins(found, known)
