"""The step that holds embeddings against each other test item by test item."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa

from emb_pipeline.pipelines.gathering import concatenate_tables, find_primary_metrics, read_item_scores, split_inputs
from emb_pipeline.statistics.comparisons.outcomes import OUTCOMES
from emb_pipeline.statistics.embedding_facts import list_candidates, read_facts
from emb_pipeline.statistics.options import ReportOptions
from emb_pipeline.statistics.score_tables import make_table, read_task_scores
from emb_pipeline.tasks.item_examples import ITEM_EXAMPLES, MOST_CHARACTERS, compare_items
from emb_pipeline.tasks.label_errors import find_label_errors
from emb_pipeline.tasks.registry import KINDS
from emb_pipeline.tasks.scored_units import SCORED_UNITS, build_scored_units, select_task

MOST_KEPT = 50
"""Embeddings of a task whose scores are kept with a version of the leaderboard, the best by their mean."""


def compare_on_items(
    options: ReportOptions, facts: pa.Table, after: pa.Table, **parts: Any
) -> tuple[pd.DataFrame, pa.Table]:
    """Count on how many test items each embedding beats each other one, and choose some of these to be shown.

    ``after`` is what was timed last: the report begins when nothing is being timed any more.
    """
    scores, tasks = split_inputs(parts, "scores_"), split_inputs(parts, "task_")
    cells, candidates = concatenate_tables(scores, "cells"), list_candidates(read_facts(facts))
    kind_of, primary = dict(zip(cells["task"], cells["kind"], strict=True)), find_primary_metrics(scores)
    compared = [
        compare_items(
            found,
            KINDS[kind_of[found.task]],
            tasks[found.task],
            [name for name in found.families if name in candidates],
            per_pair=options.examples,
            most=MOST_CHARACTERS // len(kind_of),
            primary_metric=primary[found.task],
        )
        for found in read_task_scores(read_item_scores(scores))
    ]
    outcomes, examples = zip(*compared, strict=True) if compared else ((), ())
    return (
        pd.concat([make_table([], OUTCOMES), *outcomes], ignore_index=True),
        pa.concat_tables([ITEM_EXAMPLES.empty_table(), *examples]).unify_dictionaries(),
    )


def keep_scored_units(facts: pa.Table, after: pa.Table, **parts: Any) -> pa.Table:
    """Keep the scores of single test units with this version of the leaderboard: a later candidate is held against them.

    The primary metric of each task, of its candidates, the best `MOST_KEPT` of each; ``after`` as in `compare_on_items`.
    """
    scores, tasks = split_inputs(parts, "scores_"), split_inputs(parts, "task_")
    candidates, item_scores = list_candidates(read_facts(facts)), read_item_scores(scores)
    cells, primary = concatenate_tables(scores, "cells"), find_primary_metrics(scores)
    kept = [SCORED_UNITS.empty_table()]
    for task, kind in dict(zip(cells["task"], cells["kind"], strict=True)).items():
        of_task = select_task(item_scores, task)
        kept.append(build_scored_units(of_task, KINDS[kind], tasks[task], candidates, [primary[task]], at_most=MOST_KEPT))
    return pa.concat_tables(kept)


def list_label_errors(
    options: ReportOptions, facts: pa.Table, after: pa.Table, **parts: Any
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """List labels that are likely wrong, once for the page and once to be handed back; and score without these items.

    ``after`` as in `compare_on_items`.
    """
    scores, tasks = split_inputs(parts, "scores_"), split_inputs(parts, "task_")
    found, without = find_label_errors(
        concatenate_tables(scores, "label_doubts"),
        concatenate_tables(scores, "cells"),
        list_candidates(read_facts(facts)),
        tasks,
        [tables["item_scores"].read() for tables in scores.values()],
        options,
    )
    return found, without, found.rename(columns={"unit_id": "id", "likely": "likely_label"})
