"""Scores of all origins, one below the other, as the steps of several stages read them."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import pyarrow as pa

from emb_pipeline.tasks.registry import KINDS
from emb_pipeline.tasks.scores import TRAINING_DRAWS

Tables = Mapping[str, pa.Table]

PRIMARY = {name: kind.primary_metric for name, kind in KINDS.items()}


def item_scores_of(scores: Mapping[str, Tables]) -> pa.Table:
    """The item scores of all embeddings, one below the other: millions of rows, which pandas would copy."""
    return pa.concat_tables([tables["item_scores"].read() for tables in scores.values()])


def training_draws_of(scores: Mapping[str, Tables]) -> pa.Table:
    """Scores by probes that learnt from resamples of the training labels, of all embeddings."""
    return pa.concat_tables([TRAINING_DRAWS.empty_table(), *(tables["training_draws"].read() for tables in scores.values())])


def of_all_tasks(scores: Mapping[str, Tables], name: str) -> pd.DataFrame:
    """The table of that name of every task, one below the other."""
    whole: pd.DataFrame = pd.concat([tables[name].to_pandas() for tables in scores.values()], ignore_index=True)
    return whole


def primary_metrics(scores: Mapping[str, Tables]) -> dict[str, str]:
    """The metric that each task is judged by."""
    cells = of_all_tasks(scores, "cells").drop_duplicates("task")
    return {task: PRIMARY[kind] for task, kind in zip(cells["task"], cells["kind"], strict=True)}
