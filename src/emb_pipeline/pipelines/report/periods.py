"""The step of the report stage that follows scores over time."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa

from emb_pipeline.pipelines.gathering import read_run, split_inputs
from emb_pipeline.statistics.decision.options import DecisionOptions
from emb_pipeline.statistics.embedding_facts import list_candidates, read_facts
from emb_pipeline.statistics.options import ReportOptions
from emb_pipeline.statistics.periods.options import DriftOptions
from emb_pipeline.statistics.periods.table import measure_periods
from emb_pipeline.tasks.unit_times import find_unit_times


def measure_over_time(
    options: DriftOptions,
    report: ReportOptions,
    decision: DecisionOptions,
    facts: pa.Table,
    times: pa.Table,
    decided: pa.Table,
    after: pa.Table,
    **parts: Any,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measure scores by period, and whether the choice of earlier ones holds on the last; ``after`` all that is timed."""
    tasks = split_inputs(parts, "task_")
    run, lacks = read_run(split_inputs(parts, "scores_"), times), decided.to_pandas()
    lacks = lacks[lacks["lacks"].fillna("") != ""]
    return measure_periods(
        run,
        lambda task, units: find_unit_times(tasks[task], units),
        list_candidates(read_facts(facts)),
        lacks.groupby("task")["embedding"].agg(frozenset).to_dict(),
        options,
        decision,
        report.resampling,
    )
