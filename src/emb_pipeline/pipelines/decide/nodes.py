"""Steps of the stage that chooses an embedding."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa

from emb_pipeline.experiment.choosing import ChoosingOptions, count_compared
from emb_pipeline.pipelines.gathering import Scores, read_run
from emb_pipeline.statistics.decision.options import DecisionOptions
from emb_pipeline.statistics.decision.run_decision import (
    decide_tasks,
    decide_under_budgets,
    find_sufficient_sizes,
)
from emb_pipeline.statistics.embedding_facts import (
    add_origins,
    find_pretrained_languages,
    list_candidates,
    read_facts,
)
from emb_pipeline.statistics.options import ReportOptions


def decide_on_embedding(
    options: DecisionOptions,
    report: ReportOptions,
    facts: pa.Table,
    times: pa.Table,
    after: pa.Table,
    choosing: ChoosingOptions,
    cutoffs: pa.Table | None = None,
    **scores: Scores,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Choose the cheapest embedding that fits and is not inferior to the best, for each task and for all.

    ``cutoffs`` are those that the options require, if any. ``after`` is what was timed last: nothing is decided while
    something is still being timed.
    """
    known, run = read_facts(facts), read_run(scores, times, cutoffs, count_compared(choosing.outcome))
    decision, relaxations, of_all = decide_tasks(run, list_candidates(known), options, report.resampling)
    if not decision.empty:
        languages = find_pretrained_languages(known, run.cells)
        decision["languages"] = decision["embedding"].map(languages).astype("string")
        decision = add_origins(decision, known)
    return decision, relaxations, of_all


def try_budgets(
    options: DecisionOptions,
    report: ReportOptions,
    facts: pa.Table,
    times: pa.Table,
    after: pa.Table,
    choosing: ChoosingOptions,
    cutoffs: pa.Table | None = None,
    **scores: Scores,
) -> pd.DataFrame:
    """Choose under every combination of budgets that makes a difference: the page offers them as sliders."""
    run = read_run(scores, times, cutoffs, count_compared(choosing.outcome))
    return decide_under_budgets(run, list_candidates(read_facts(facts)), options, report.resampling)


def choose_sizes(
    options: DecisionOptions,
    report: ReportOptions,
    facts: pa.Table,
    times: pa.Table,
    after: pa.Table,
    **scores: Scores,
) -> pd.DataFrame:
    """Choose the smallest size that is not inferior to the best, for each embedding of several sizes on each task."""
    return find_sufficient_sizes(read_run(scores, times), read_facts(facts), options, report.resampling)
