"""Steps of the report stage that hold intrinsic measures of embeddings against their scores on tasks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import pyarrow as pa

from emb_pipeline.embeddings.stored_encoders import StoredEncoders
from emb_pipeline.experiment.model import Folders, TaskDefinition
from emb_pipeline.pipelines.gathering import (
    Scores,
    concatenate_tables,
    find_primary_metrics,
    read_item_scores,
    read_training_draws,
    split_inputs,
)
from emb_pipeline.statistics.closeness.table import ClosenessTask, build_closeness, find_clusters
from emb_pipeline.statistics.decision.options import DecisionOptions
from emb_pipeline.statistics.embedding_facts import find_tuned_tasks, read_facts
from emb_pipeline.statistics.options import ReportOptions
from emb_pipeline.statistics.score_tables import read_task_scores
from emb_pipeline.tasks.registry import KINDS, list_lower_metrics


def measure_label_purity(
    folders: Folders, facts: pa.Table, after: pa.Table, **parts: Any
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measure the share of training texts' neighbors of their class, by each embedding; ``after`` all that is timed."""
    from emb_pipeline.tasks.label_purity import measure_label_purities  # takes numba along

    scores, definitions = split_inputs(parts, "scores_"), split_inputs(parts, "definition_")
    return measure_label_purities(
        concatenate_tables(scores, "cells"),
        StoredEncoders.join(each["encoders"] for each in scores.values()),
        {name: TaskDefinition.model_validate(each) for name, each in definitions.items()},
        split_inputs(parts, "task_"),
        find_tuned_tasks(read_facts(facts)),
        folders.encodings,
    )


def measure_closeness(
    options: ReportOptions,
    decision: DecisionOptions,
    facts: pa.Table,
    purity: pa.Table,
    purity_units: pa.Table,
    **scores: Scores,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Hold intrinsic measures against scores on tasks, and find what evaluating the first few by each would have lost."""
    from emb_pipeline.diagnostics.intrinsic_measures import gather_measures, gather_task_measures

    known, metrics = read_facts(facts), find_primary_metrics(scores)
    found = list(read_task_scores(read_item_scores(scores), training_draws=read_training_draws(scores)))
    is_intrinsic = _find_intrinsic(scores)
    of_words = gather_measures(
        concatenate_tables(scores, "checks"), concatenate_tables(scores, "neighbors"), known, find_clusters(known)
    )
    of_tasks = [each for each in found if is_intrinsic[each.task]]
    measures = pd.concat([of_words, gather_task_measures(of_tasks, metrics, purity.to_pandas())], ignore_index=True)
    units = purity_units.to_pandas().groupby("task")["unit_id"].agg(frozenset).to_dict()
    lower = set(list_lower_metrics())
    tasks = [
        ClosenessTask(
            each,
            metrics[each.task],
            metrics[each.task] in lower,
            decision.margins.get(each.task, decision.margin),
            units.get(each.task, frozenset()),
        )
        for each in found
        if not is_intrinsic[each.task]
    ]
    return build_closeness(tasks, measures, known, options.resampling)


def _find_intrinsic(scores: Mapping[str, Scores]) -> dict[str, bool]:
    cells = concatenate_tables(scores, "cells").drop_duplicates("task")
    return {task: KINDS[kind].is_intrinsic for task, kind in zip(cells["task"], cells["kind"], strict=True)}
