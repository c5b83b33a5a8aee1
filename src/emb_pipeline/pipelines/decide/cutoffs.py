"""The step of the decide stage that measures the cut-offs that are required."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import pyarrow as pa

from emb_pipeline.experiment.model import Folders
from emb_pipeline.pipelines.cutoffs import measure_named_cutoffs
from emb_pipeline.statistics.decision.options import DecisionOptions
from emb_pipeline.statistics.embedding_facts import list_candidates, read_facts
from emb_pipeline.statistics.options import ReportOptions
from emb_pipeline.tasks.cutoffs.options import CutoffOptions


def measure_required_cutoffs(
    options: DecisionOptions,
    cutoffs: CutoffOptions,
    report: ReportOptions,
    folders: Folders,
    facts: pa.Table,
    after: pa.Table,
    **parts: Any,
) -> pd.DataFrame:
    """Measure the cut-off of every embedding that competes on a task whose cut-off is required; ``after`` what is timed."""
    candidates = list_candidates(read_facts(facts))

    def name_competing(cells: pd.DataFrame) -> Mapping[str, list[str]]:
        competing = cells[cells["embedding"].isin(candidates)]
        return {task: list(dict.fromkeys(competing.loc[competing["task"] == task, "embedding"])) for task in options.refuse}

    return measure_named_cutoffs(name_competing, cutoffs, report, folders, parts)
