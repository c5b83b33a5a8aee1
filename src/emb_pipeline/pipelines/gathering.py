"""Scores of all origins, one below the other, as the steps of several stages read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import pandas as pd
import pyarrow as pa

from emb_pipeline.statistics.decision.run_decision import RunScores
from emb_pipeline.tasks.scores import TRAINING_DRAWS

Scores: TypeAlias = Mapping[str, Any]
"""Tables of one origin, and references to its item scores, training draws and encoders."""


def split_inputs(parts: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Select the inputs of a node whose names have a prefix, by the rest of their names."""
    return {name.removeprefix(prefix): part for name, part in parts.items() if name.startswith(prefix)}


def read_item_scores(scores: Mapping[str, Scores]) -> pa.Table:
    """Read the item scores of all embeddings, one below the other: millions of rows, which pandas would copy."""
    return pa.concat_tables([tables["item_scores"].read() for tables in scores.values()])


def read_training_draws(scores: Mapping[str, Scores]) -> pa.Table:
    """Read the scores by probes that learned from resamples of the training labels, of all embeddings."""
    return pa.concat_tables([TRAINING_DRAWS.empty_table(), *(each["training_draws"].read() for each in scores.values())])


def concatenate_tables(scores: Mapping[str, Scores], name: str) -> pd.DataFrame:
    """Concatenate the tables of one name of all origins."""
    whole: pd.DataFrame = pd.concat([tables[name].to_pandas() for tables in scores.values()], ignore_index=True)
    return whole


def find_primary_metrics(scores: Mapping[str, Scores]) -> dict[str, str]:
    """Find the metric that each task is judged by."""
    cells = concatenate_tables(scores, "cells").drop_duplicates("task")
    return dict(zip(cells["task"], cells["primary_metric"], strict=True))


def read_run(
    scores: Mapping[str, Scores],
    times: pa.Table,
    cutoffs: pa.Table | None = None,
    n_compared: Mapping[str, int] | None = None,
) -> RunScores:
    """Read all measurements of a run that a choice is made from.

    ``times`` of requests, ``cutoffs`` that are required; ``n_compared``: as of `RunScores`.
    """
    return RunScores(
        read_item_scores(scores),
        read_training_draws(scores),
        concatenate_tables(scores, "cells"),
        concatenate_tables(scores, "label_draws"),
        times.to_pandas(),
        find_primary_metrics(scores),
        pd.DataFrame() if cutoffs is None else cutoffs.to_pandas(),
        n_compared or {},
    )
